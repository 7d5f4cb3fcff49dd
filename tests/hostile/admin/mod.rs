//! An agency's hostile admin, or whoever stole its CA.

mod ghosts;
