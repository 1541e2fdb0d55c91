use proptest::prelude::*;

use super::super::ast::{
    Arithmetic, At, LayerRange, Operand, OperandKind, Operator, Quantifier, SetItem, SliceRange, Test,
    TestKind,
};
use super::super::error::Span;
use super::super::lexer::{MAX_CHARS, WORDS};
use super::{MAX_DEPTH, parse};

/// The filter in its canonical spelling, where parentheses show what was understood.
fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).0.expect("not empty").to_string()
}

fn error(text: &str) -> (usize, usize, String) {
    let error = parse(text).expect_err(text);
    (error.span.start, error.span.end, error.to_string())
}

#[test]
fn operators_have_signs_and_words() {
    for (text, expected) in [
        ("a && b", "a and b"),
        ("a || b", "a or b"),
        ("a ^^ b", "a xor b"),
        ("! a", "not a"),
        ("a eq 1", "a == 1"),
        ("a any_eq 1", "a == 1"),
        ("a ne 1", "a != 1"),
        ("a all_ne 1", "a != 1"),
        ("a all_eq 1", "a === 1"),
        ("a any_ne 1", "a !== 1"),
        ("a~=1", "a !== 1"),
        ("a gt 1", "a > 1"),
        ("a lt 1", "a < 1"),
        ("a ge 1", "a >= 1"),
        ("a le 1", "a <= 1"),
        ("a~\"x\"", "a matches \"x\""),
        ("any a==1", "any a == 1"),
        ("all a>1", "all a > 1"),
        ("a !in {1}", "a not in {1}"),
        ("a not in {1,2 .. 3}", "a not in {1, 2 .. 3}"),
        ("all a in {1..3}", "all a in {1 .. 3}"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn not_binds_tighter_than_and_than_xor_than_or() {
    for (text, expected) in [
        ("a or b and c", "a or b and c"),
        ("(a or b) and c", "(a or b) and c"),
        ("a and b or c and d", "a and b or c and d"),
        ("a and (b or c)", "a and (b or c)"),
        ("(a and b) or c", "a and b or c"),
        ("a xor b or c", "a xor b or c"),
        ("a xor (b or c)", "a xor (b or c)"),
        ("a and b xor c", "a and b xor c"),
        ("not a and b", "not a and b"),
        ("not (a and b)", "not (a and b)"),
        ("not a == 1 or b", "not a == 1 or b"),
        ("!!a", "not not a"),
        ("((a))", "a"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn multiplication_binds_tighter_than_addition_than_bit_and() {
    for (text, expected) in [
        ("a+1*2==3", "a + 1 * 2 == 3"),
        ("{a+1}*2==3", "{a + 1} * 2 == 3"),
        ("a&1+2", "a & 1 + 2"),
        ("{a&1}+2", "{a & 1} + 2"),
        ("a-1-2", "a - 1 - 2"),
        ("a-{1-2}", "a - {1 - 2}"),
        ("-a*2", "-a * 2"),
        ("-{a*2}", "-{a * 2}"),
        ("+5==a", "5 == a"),
        ("a/10%3", "a / 10 % 3"),
        ("a -1 == 2", "a - 1 == 2"),
        ("a-1 == 2", "a - 1 == 2"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn words_keep_the_dashes_and_slashes_of_values() {
    for (text, expected) in [
        ("a==74-77", "a == 74-77"),
        ("a==74:77", "a == 74:77"),
        ("a==10.0.0.0/8", "a == 10.0.0.0/8"),
        ("a==fe80::/10", "a == fe80::/10"),
        ("a==::1", "a == ::1"),
        ("a==2026-01-02", "a == 2026-01-02"),
        ("a==2026-01-02T03:04:05.6+01:00", "a == 2026-01-02T03:04:05.6+01:00"),
        ("a>1e-3", "a > 1e-3"),
        ("a/10", "a / 10"),
        ("a in {10.0.0.0..10.0.0.9}", "a in {10.0.0.0 .. 10.0.0.9}"),
        ("a[-4:2]", "a[-4:2]"),
        ("a[1-2,0,:3,4:]", "a[1-2,0,0:3,4:]"),
        ("a[-4--2]", "a[-4--2]"),
        ("a#2 == 1", "a#[2] == 1"),
        ("a#[1-2,4-]", "a#[1-2,4-]"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn strings_have_escapes_unless_they_are_raw() {
    for (text, expected) in [
        (r#"a == "\x41\101\t\\\"é""#, r#"a == "AA\x09\\\"é""#),
        (r#"a == "\u00e9\U0001f600""#, "a == \"é😀\""),
        (r#"a == "\xff\xc3\xa9""#, "a == \"\\xffé\""),
        (r#"a == r"\d\"x""#, r#"a == "\\d\\\"x""#),
        (r#"a == R"\d""#, r#"a == "\\d""#),
        (r"a == 'x'", "a == 'x'"),
        (r"a == '\n'", r"a == '\x0a'"),
        (r"a == '\''", r"a == '\''"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn comparisons_can_be_chained() {
    assert_eq!(canonical("1 < a <= 3"), "1 < a <= 3");
    assert_eq!(error("a == b contains c").0, 7);
}

#[test]
fn an_error_points_at_the_characters_to_blame() {
    for (text, start, end, part) in [
        ("a ==", 4, 4, "end of the filter"),
        ("== 1", 0, 2, "== was unexpected"),
        ("a b", 2, 3, "b was unexpected"),
        ("(a", 2, 2, ") is missing"),
        ("a)", 1, 2, "no ( is open"),
        ("a = 1", 2, 3, "=="),
        ("a == \"x", 5, 7, "closing quote"),
        ("a == \"é\\q\"", 7, 9, "\\q is no escape"),
        ("a == ''", 5, 7, "one byte"),
        ("a == 'ab'", 5, 9, "one byte"),
        ("a == $x", 5, 6, "'$' means nothing"),
        ("a in 1", 5, 6, "a set is written"),
        ("a in {}", 6, 7, "} was unexpected"),
        ("a in {1 2}", 8, 9, "commas"),
        ("a in {1..}", 9, 10, "} was unexpected"),
        ("a in {5-9}", 6, 9, "5..9"),
        ("a[0:0]", 2, 5, "a slice is"),
        ("a[3-1]", 2, 5, "a slice is"),
        ("a[]", 2, 3, "a slice is"),
        ("a[x]", 2, 3, "a slice is"),
        ("a#0", 1, 3, "layer"),
        ("a#-1", 1, 3, "layer"),
        ("(a + 1) * 2 == 3", 0, 7, "{ and }"),
        ("(a) == 1", 0, 3, "{ and }"),
        ("any a", 5, 5, "after any or all"),
        ("a matches b", 10, 11, "quoted regular expression"),
        ("f(a", 3, 3, "end with )"),
        ("a and", 5, 5, "end of the filter"),
        ("not", 3, 3, "end of the filter"),
        ("a ==\n  b c", 9, 10, "c was unexpected"),
    ] {
        let (from, to, message) = error(text);
        assert_eq!((from, to), (start, end), "{text}: {message}");
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn depth_and_length_are_bounded() {
    for open in ["(", "!", "-", "{", "not ", "f(", "a & {"] {
        let text = open.repeat(10_000);
        assert!(parse(&text).expect_err("too deep").to_string().contains("deeper"), "{open}");
    }
    for link in ["+1", "&1", "[1:]", "*2"] {
        let text = format!("a{}", link.repeat(10_000));
        assert!(parse(&text).expect_err("too deep").to_string().contains("deeper"), "{link}");
    }
    assert!(parse(&"a".repeat(MAX_CHARS + 1)).expect_err("too long").to_string().contains("longer"));
    let wide = vec!["a == 1"; 5_000].join(" or ");
    assert!(parse(&wide).is_ok());
    let just_deep_enough = format!("{}a{}", "(".repeat(MAX_DEPTH - 2), ")".repeat(MAX_DEPTH - 2));
    assert!(parse(&just_deep_enough).is_ok());
}

#[test]
fn the_old_unequal_sign_is_warned_of() {
    let warnings = parse("a ~= 1").expect("a filter").1;
    assert_eq!(warnings[0].span, Span { start: 2, end: 4 });
    assert!(parse("a !== 1").expect("a filter").1.is_empty());
}

fn at<T>(node: T) -> At<T> {
    At { node, span: Span::default() }
}

fn word() -> impl Strategy<Value = String> {
    let name = "[a-z][a-z0-9_]{0,5}(\\.[a-z]{1,4})?";
    let value = "[0-9]{1,4}|0x[0-9a-f]{1,4}|[0-9a-f]{2}:[0-9a-f]{2}|10\\.0\\.0\\.[0-9]/8|fe80::[0-9]";
    prop_oneof![name, value].prop_filter("words of the language", |word| WORDS.iter().all(|(w, _)| w != word))
}

fn slice_range() -> impl Strategy<Value = SliceRange> {
    prop_oneof![
        (-9..9).prop_map(SliceRange::At),
        (-9..9, 1..9).prop_map(|(start, length)| SliceRange::Length(start, length)),
        (0..9, 0..9).prop_map(|(first, more)| SliceRange::Inclusive(first, first + more)),
        (-9..9).prop_map(SliceRange::From),
    ]
}

fn operand() -> impl Strategy<Value = Operand> {
    let named = word().prop_map(|word| at(OperandKind::Word(word))).boxed();
    let leaf = prop_oneof![
        4 => named.clone(),
        1 => prop::collection::vec(any::<u8>(), 0..6).prop_map(|text| at(OperandKind::Text(text))),
        1 => any::<u8>().prop_map(|byte| at(OperandKind::Character(byte))),
        1 => (named.clone(), prop::collection::vec(slice_range(), 1..3))
            .prop_map(|(of, ranges)| at(OperandKind::Slice { of: Box::new(of), ranges })),
        1 => (named, 1u32..4, 0u32..3).prop_map(|(of, first, more)| {
            let layers = vec![LayerRange { first, last: (more > 0).then_some(first + more - 1) }];
            at(OperandKind::Layer { of: Box::new(of), layers })
        }),
    ];
    let arithmetic = prop::sample::select(vec![
        Arithmetic::And,
        Arithmetic::Add,
        Arithmetic::Subtract,
        Arithmetic::Multiply,
        Arithmetic::Divide,
        Arithmetic::Modulo,
    ]);
    leaf.prop_recursive(4, 12, 3, move |inner| {
        prop_oneof![
            inner.clone().prop_map(|of| at(OperandKind::Negative(Box::new(of)))),
            (word(), prop::collection::vec(inner.clone(), 0..3)).prop_map(|(function, arguments)| {
                at(OperandKind::Call { function: at(function), arguments })
            }),
            (arithmetic.clone(), inner.clone(), inner).prop_map(|(operator, left, right)| {
                at(OperandKind::Arithmetic {
                    operator: at(operator),
                    left: Box::new(left),
                    right: Box::new(right),
                })
            }),
        ]
    })
}

fn test() -> impl Strategy<Value = Test> {
    let quantifier = || prop::option::of(prop::sample::select(vec![Quantifier::Any, Quantifier::All]));
    let operator = prop::sample::select(vec![
        Operator::Equal,
        Operator::NotEqual,
        Operator::AllEqual,
        Operator::AnyNotEqual,
        Operator::Greater,
        Operator::Less,
        Operator::GreaterOrEqual,
        Operator::LessOrEqual,
    ])
    .prop_map(at);
    // `5-9` in a set is refused, for it is most often meant as 5..9.
    let item = word().prop_map(|word| at(OperandKind::Word(word))).boxed();
    let item = (item.clone(), prop::option::of(item)).prop_map(|(low, high)| SetItem { low, high });
    let leaf = prop_oneof![
        operand().prop_map(|operand| at(TestKind::Truth(operand))),
        (quantifier(), operand(), prop::collection::vec((operator, operand()), 1..3))
            .prop_map(|(quantifier, first, rest)| at(TestKind::Relation { quantifier, first, rest })),
        (operand(), operand()).prop_map(|(first, part)| {
            at(TestKind::Relation { quantifier: None, first, rest: vec![(at(Operator::Contains), part)] })
        }),
        (quantifier(), operand(), any::<bool>(), prop::collection::vec(item, 1..3)).prop_map(
            |(quantifier, operand, negated, set)| at(TestKind::Member { quantifier, operand, negated, set })
        ),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(|tests| at(TestKind::Or(tests))),
            several.clone().prop_map(|tests| at(TestKind::Xor(tests))),
            several.prop_map(|tests| at(TestKind::And(tests))),
            inner.prop_map(|test| at(TestKind::Not(Box::new(test)))),
        ]
    })
}

proptest! {
    #[test]
    fn a_printed_filter_parses_to_the_same_tree(test in test()) {
        let text = test.to_string();
        let parsed = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?.0;
        prop_assert_eq!(parsed, Some(test), "{}", text);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_text_of_the_languages_own_characters_panics(text in "[a-z0-9 .:/\\-+*%&|!=<>~^#,\"'\\\\(){}\\[\\]rx_é]{0,40}") {
        match parse(&text) {
            Ok((Some(test), _)) => {
                let printed = test.to_string();
                prop_assert_eq!(parse(&printed).expect("printed").0.expect("not empty"), test, "{}", printed);
            }
            Ok((None, _)) => prop_assert!(text.trim().is_empty()),
            Err(error) => {
                prop_assert!(error.span.start <= error.span.end);
                prop_assert!(error.span.end <= text.chars().count());
            }
        }
    }
}
