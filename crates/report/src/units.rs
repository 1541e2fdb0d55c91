//! Figures as people read them.

/// Microseconds with a fitting unit and three significant digits: `850us`, `63.2ms`, `1.50s`, `12m 30s`.
pub fn time(us: f64) -> String {
    if us < 999.5 {
        if us.fract() == 0.0 || us >= 99.95 { format!("{us:.0}us") } else { format!("{us:.1}us") }
    } else if us < 999_500.0 {
        format!("{}ms", three_digits(us / 1e3))
    } else if us < 59_950_000.0 {
        format!("{}s", three_digits(us / 1e6))
    } else {
        seconds(us / 1e6)
    }
}

/// A length of time in seconds: `450ms`, `9.5s`, `12m 30s`, `1h 02m 03s`.
pub fn seconds(s: f64) -> String {
    if s == 0.0 {
        return "0s".to_owned();
    }
    if s < 1.0 {
        return format!("{:.0}ms", s * 1e3);
    }
    if s < 59.95 {
        return format!("{s:.1}s");
    }
    let whole = s.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}h {minutes:02}m {rest:02}s") } else { format!("{minutes}m {rest:02}s") }
}

/// A whole number in groups of three: `1,204,332`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number without needless decimals: `3`, `2.5`, `1,204,332`.
pub fn number(value: f64) -> String {
    if value >= 0.0 && (value.fract() == 0.0 || value >= 100.0) {
        count(value.round() as u64)
    } else if value.abs() >= 0.01 || value == 0.0 {
        trimmed(format!("{value:.2}"))
    } else {
        format!("{value:.2e}")
    }
}

/// A percentage with as many decimals as tell it from 0 and 100: `98.7%`, `99.996%`, `0.0004%`.
pub fn percent(value: f64) -> String {
    let distance = value.abs().min((100.0 - value).abs());
    let decimals = match distance {
        d if d == 0.0 || d >= 10.0 => 1,
        d if d >= 0.1 => 2,
        d => (1.0 - d.log10().floor()).clamp(2.0, 9.0) as usize,
    };
    format!("{}%", trimmed(format!("{value:.decimals$}")))
}

/// Events a second: `0.25/s`, `40,012/s`.
pub fn rate(per_s: f64) -> String {
    format!("{}/s", number(per_s))
}

/// Bytes with a binary unit: `512 B`, `1.5 GiB`.
pub fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = units.iter().enumerate().rev().find(|(i, _)| value >= 1024f64.powi(*i as i32));
    let (power, unit) = step.map_or((0, "B"), |(i, unit)| (i as i32, *unit));
    let scaled = value / 1024f64.powi(power);
    if power == 0 { format!("{scaled:.0} {unit}") } else { format!("{} {unit}", three_digits(scaled)) }
}

/// The same text with `µs` for the `us` of [`time`].
pub fn with_micro_sign(text: &str) -> String {
    let mut signed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("us") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        let unit =
            before.ends_with(|c: char| c.is_ascii_digit()) && !after.starts_with(char::is_alphanumeric);
        signed.push_str(before);
        signed.push_str(if unit { "µs" } else { "us" });
        rest = after;
    }
    signed + rest
}

fn three_digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_take_a_fitting_unit() {
        let cases = [
            (0.0, "0us"),
            (850.0, "850us"),
            (12.25, "12.2us"),
            (1_234.0, "1.23ms"),
            (63_200.0, "63.2ms"),
            (999_499.0, "999ms"),
            (999_600.0, "1.00s"),
            (1_500_000.0, "1.50s"),
            (59_960_000.0, "1m 00s"),
            (3_600_000_000.0, "1h 00m 00s"),
        ];
        for (us, text) in cases {
            assert_eq!(time(us), text);
        }
    }

    #[test]
    fn a_percentage_never_rounds_up_to_all() {
        assert_eq!(percent(100.0), "100%");
        assert_eq!(percent(99.996), "99.996%");
        assert_eq!(percent(0.0004), "0.0004%");
        assert_eq!(percent(98.7), "98.7%");
        assert_eq!(percent(0.0), "0%");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(1_204_332), "1,204,332");
        assert_eq!(count(999), "999");
        assert_eq!(number(2.5), "2.5");
        assert_eq!(rate(40_012.3), "40,012/s");
        assert_eq!(bytes(1536.0), "1.50 KiB");
        assert_eq!(bytes(12.0), "12 B");
    }
}
