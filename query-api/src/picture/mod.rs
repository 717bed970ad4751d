//! What a console draws, decided without I/O: which bins a range has and how completely each is known, and how states
//! fold to the marks of a timeline.

pub(crate) mod bins;
pub(crate) mod marks;
