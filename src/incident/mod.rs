//! The heart: what an incident is and how it may change. Pure: no clock, no network, no randomness.

pub mod time;
