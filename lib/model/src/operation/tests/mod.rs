//! Proof: named cases, a world that answers at random, and a log that folds to the same board for ever.

mod bounds;
mod bundles;
mod cases;
mod golden;
mod planned;
mod properties;
mod setting;
mod tasks;
mod undoing;
mod world;
