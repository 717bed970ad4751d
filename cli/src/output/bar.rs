//! Bars of block characters: lengths beside numbers.

/// A bar of `value` where `most` takes all columns, to an eighth of one. What is not zero is never empty.
pub fn bar(value: f64, most: f64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if value <= 0.0 || most <= 0.0 {
        return String::new();
    }
    let eighths = ((value / most).min(1.0) * columns as f64 * 8.0).round().max(1.0) as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// A bar of two parts in whole columns, full blocks for the first and light ones for the second. A part that is not zero
/// takes a column at least.
pub fn parted(first: u64, second: u64, most: u64, columns: usize) -> String {
    let length = |value: u64| match (value, most) {
        (0, _) | (_, 0) => 0,
        (value, most) => ((value as f64 / most as f64 * columns as f64).round() as usize).clamp(1, columns),
    };
    let all = length(first.saturating_add(second));
    let room = all.saturating_sub(usize::from(second > 0));
    let first_part = length(first).min(room).max(usize::from(first > 0 && most > 0));
    let second_part = all.saturating_sub(first_part).max(usize::from(second > 0 && most > 0));
    "█".repeat(first_part) + &"░".repeat(second_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_tell_the_share() {
        assert_eq!(bar(0.0, 10.0, 8), "");
        assert_eq!(bar(10.0, 10.0, 8), "████████");
        assert_eq!(bar(5.0, 10.0, 5), "██▌");
        assert_eq!(bar(0.001, 10.0, 8), "▏");
        assert_eq!(bar(99.0, 10.0, 2), "██");
        assert_eq!(bar(1.0, 0.0, 8), "");
    }

    #[test]
    fn both_parts_are_seen() {
        assert_eq!(parted(0, 0, 100, 10), "");
        assert_eq!(parted(50, 50, 100, 10), "█████░░░░░");
        assert_eq!(parted(1, 99, 100, 10), "█░░░░░░░░░");
        assert_eq!(parted(99, 1, 100, 10), "█████████░");
        assert_eq!(parted(1, 1, 1_000_000, 10), "█░");
        assert_eq!(parted(0, 1, 1_000_000, 10), "░");
        assert_eq!(parted(3, 0, 0, 10), "");
    }
}
