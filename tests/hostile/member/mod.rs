//! A hostile member with a program of its own.

mod records;
