//! What is expected of the heart.

mod by_hand;
mod course;
mod drift;
mod freeze_now;
mod freezes;
mod lanes;
mod moves;
mod then;
mod votes;
mod walks;
mod who_may;
