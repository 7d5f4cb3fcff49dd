//! A hostile member, whose program keeps to no rule of ours.

mod commits;
mod floors;
mod leading;
mod lines;
mod poisoned;
mod records;
mod removed;
mod spoilt;
