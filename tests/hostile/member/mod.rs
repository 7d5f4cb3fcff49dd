//! A hostile member, whose program keeps to no rule of ours.

mod leading;
mod records;
mod spoilt;
