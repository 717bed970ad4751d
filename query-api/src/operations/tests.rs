//! The chain of an export, and the index of what runners told.
