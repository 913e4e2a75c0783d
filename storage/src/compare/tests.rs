//! The methods against published examples and exact enumeration; verdicts on made-up lanes.

mod proportions;
mod ranks;
mod verdicts;

use super::*;

/// Equal to so many digits after the point.
#[track_caller]
fn assert_close(value: f64, expected: f64, digits: i32) {
    assert!((value - expected).abs() <= 0.5 * 10_f64.powi(-digits), "{value} is not {expected}");
}

#[test]
fn holms_method() {
    // Of the documentation of R's `p.adjust`, and by hand.
    assert_eq!(holm::adjust(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
    assert_eq!(holm::adjust(&[0.9, 0.6]), [1.0, 1.0]);
    assert_eq!(holm::adjust(&[]), [0.0; 0]);
}
