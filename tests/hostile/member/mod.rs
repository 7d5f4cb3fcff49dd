//! A hostile member, whose program keeps to no rule of ours.

mod records;
mod spoilt;
