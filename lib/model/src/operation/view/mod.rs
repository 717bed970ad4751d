//! What readers want to know of operations and tasks: each a function of the board.

mod errors;
mod forecast;
mod matrix;
mod report;
mod summary;
mod times;

pub use errors::{ErrorGroup, by_error};
pub use forecast::{Forecast, StepForecast, forecast};
pub use matrix::{Matrix, MatrixChange, changes, matrix_at};
pub use report::{Entry, Inventory, MachineReport, Report, Stopped, report};
pub use summary::{StepSummary, Summary, TaskStepSummary, TaskSummary, summary, task_summary};
pub use times::{StepTime, host_times, step_times};
