//! What is expected of the heart.

mod course;
mod drift;
mod moves;
mod then;
mod votes;
mod walks;
mod who_may;
