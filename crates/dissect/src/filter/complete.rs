//! What could stand at the cursor of a filter line.

use super::catalogue::{self, Field};
use super::check::{Class, field_name};
use super::error::{FilterErrorKind as Kind, Span};
use super::function::FUNCTIONS;
use super::lexer::{self, Lexed, Sign, Token};

/// Something that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What to put in the place of [`replace`](Self::replace).
    pub text: String,
    /// The characters it replaces: what is written of it up to the cursor.
    pub replace: Span,
    /// What it is.
    pub kind: CompletionKind,
    /// What it stands for, in a few words.
    pub about: String,
}

/// The kinds of things a filter consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    /// A field or a protocol.
    Field,
    /// A function.
    Function,
    /// A comparison.
    Operator,
    /// A word that joins or modifies tests.
    Keyword,
    /// The name of one of the field's values.
    Value,
}

/// What could stand at the cursor, which is counted in characters from 0; the likeliest first.
///
/// ```
/// use mqscope_dissect::filter::complete;
///
/// let completions = complete("mqtt.to", 7);
/// assert_eq!(completions[0].text, "mqtt.topic");
/// ```
pub fn complete(text: &str, cursor: usize) -> Vec<Completion> {
    let before: String = text.chars().take(cursor).collect();
    let cursor = before.chars().count();
    let Some((tokens, typed, start)) = split(&before) else { return Vec::new() };
    let mut found = Found { typed: &typed, replace: Span { start, end: cursor }, completions: Vec::new() };
    match place(&tokens) {
        Place::Test => {
            found.fields(|_| true);
            found.functions(|_| true);
            found.keywords(&[
                ("not", "the test is false"),
                ("any", "for any value"),
                ("all", "for every value"),
            ]);
        }
        Place::Argument => found.fields(|_| true),
        Place::Value(field) => {
            found.values(field);
            let class = field.map(Field::class);
            found.fields(|other| class.is_none_or(|class| other.class() == class && class != Class::Nothing));
            found.functions(|name| !name.starts_with("mqtt.topic"));
        }
        Place::Member(field) => found.values(field),
        Place::Relation(class) => {
            found.operators(class);
            found.joints();
        }
        Place::Joint => found.joints(),
        Place::Set => found.push("{", CompletionKind::Operator, "a set: {1, 3..5}"),
        Place::Nothing => {}
    }
    found.completions
}

/// The tokens before the one at the cursor, what is typed of that one, and where it starts.
fn split(before: &str) -> Option<(Vec<Lexed>, String, usize)> {
    let len = before.chars().count();
    let mut tokens = match lexer::tokens(before) {
        Ok(tokens) => tokens,
        // Within a text that is still open, the value names it may become are offered.
        Err(error) if error.kind == Kind::OpenText => {
            let head: String = before.chars().take(error.column()).collect();
            let tail: String = before.chars().skip(error.column()).collect();
            let mut tokens = lexer::tokens(&head).ok()?;
            tokens.pop();
            return Some((tokens, tail, error.column()));
        }
        Err(_) => return None,
    };
    tokens.pop();
    let at_word = tokens.last().filter(|last| last.span.end == len && is_word_like(before, last));
    match at_word.map(|last| last.span.start) {
        Some(start) => {
            tokens.pop();
            Some((tokens, before.chars().skip(start).collect(), start))
        }
        None => Some((tokens, String::new(), len)),
    }
}

/// Whether it is made of letters, so that more of them may follow.
fn is_word_like(text: &str, lexed: &Lexed) -> bool {
    let first = text.chars().nth(lexed.span.start);
    !matches!(lexed.token, Token::Text(_)) && first.is_some_and(|c| c.is_alphabetic() || c == '_' || c == '.')
}

/// What is wanted at a place of the filter.
#[derive(Debug, Clone, Copy)]
enum Place {
    Test,
    Argument,
    /// Something to compare with the field, if it is one.
    Value(Option<Field>),
    /// A member of a set that the field is looked up in.
    Member(Option<Field>),
    /// A comparison of an operand of this class, or another test after it.
    Relation(Option<Class>),
    /// Another test.
    Joint,
    Set,
    Nothing,
}

fn place(tokens: &[Lexed]) -> Place {
    let Some(last) = tokens.last() else { return Place::Test };
    let open_call = |at: usize| at > 0 && matches!(tokens[at - 1].token, Token::Word(_));
    match &last.token {
        Token::Sign(sign) => match sign {
            Sign::Or | Sign::And | Sign::Xor | Sign::Any | Sign::All => Place::Test,
            Sign::Not if tokens.len() > 1 && ends_operand(&tokens[tokens.len() - 2].token) => Place::Nothing,
            Sign::Not => Place::Test,
            Sign::OpenParenthesis if open_call(tokens.len() - 1) => Place::Argument,
            Sign::OpenParenthesis => Place::Test,
            Sign::In => Place::Set,
            Sign::Comma | Sign::OpenBrace | Sign::Dots => match opener(tokens) {
                Some((Sign::OpenBrace, Some(at))) if is_sign(&tokens[at], Sign::In) => {
                    Place::Member(field_before(&tokens[..at]))
                }
                Some((Sign::OpenBracket, _)) => Place::Nothing,
                _ => Place::Argument,
            },
            Sign::Plus | Sign::Minus | Sign::Star | Sign::Slash | Sign::Percent | Sign::Ampersand => {
                Place::Argument
            }
            Sign::CloseBrace | Sign::CloseBracket | Sign::CloseParenthesis => after_operand(tokens),
            Sign::OpenBracket | Sign::Colon | Sign::Hash => Place::Nothing,
            Sign::Matches => Place::Nothing,
            Sign::Contains
            | Sign::Equal
            | Sign::NotEqual
            | Sign::AllEqual
            | Sign::AnyNotEqual
            | Sign::Greater
            | Sign::Less
            | Sign::GreaterOrEqual
            | Sign::LessOrEqual => Place::Value(field_before(&tokens[..tokens.len() - 1])),
        },
        _ => after_operand(tokens),
    }
}

fn is_sign(lexed: &Lexed, sign: Sign) -> bool {
    lexed.token == Token::Sign(sign)
}

fn ends_operand(token: &Token) -> bool {
    use Sign::{CloseBrace, CloseBracket, CloseParenthesis};
    match token {
        Token::Word(_) | Token::Text(_) | Token::Character(_) => true,
        Token::Sign(sign) => matches!(sign, CloseBrace | CloseBracket | CloseParenthesis),
        Token::End => false,
    }
}

/// After a whole operand: a comparison, unless one went before it since the last joint.
fn after_operand(tokens: &[Lexed]) -> Place {
    use Sign::{
        AllEqual, And, AnyNotEqual, Contains, Equal, Greater, GreaterOrEqual, In, Less, LessOrEqual, Matches,
        NotEqual, Or, Xor,
    };
    for lexed in tokens.iter().rev() {
        match lexed.token {
            Token::Sign(And | Or | Xor) => break,
            Token::Sign(
                AllEqual | AnyNotEqual | Contains | Equal | Greater | GreaterOrEqual | In | Less
                | LessOrEqual | Matches | NotEqual,
            ) => return Place::Joint,
            _ => {}
        }
    }
    match tokens {
        // A group of tests, not a call.
        [.., before, last]
            if is_sign(last, Sign::CloseParenthesis) && !is_sign(before, Sign::OpenParenthesis) =>
        {
            let open = matching_open(tokens);
            let call = open.is_some_and(|at| at > 0 && matches!(tokens[at - 1].token, Token::Word(_)));
            if call { Place::Relation(None) } else { Place::Joint }
        }
        [.., last] if matches!(last.token, Token::Word(_)) => {
            Place::Relation(field_before(tokens).map(Field::class))
        }
        [.., last] if is_sign(last, Sign::CloseBracket) => Place::Relation(Some(Class::Bytes)),
        _ => Place::Relation(None),
    }
}

/// Where the parenthesis that the last token closes was opened.
fn matching_open(tokens: &[Lexed]) -> Option<usize> {
    let mut open = 0;
    for (at, lexed) in tokens.iter().enumerate().rev() {
        match lexed.token {
            Token::Sign(Sign::CloseParenthesis) => open += 1,
            Token::Sign(Sign::OpenParenthesis) => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The innermost bracket that is open at the end, and the position of the token before it.
fn opener(tokens: &[Lexed]) -> Option<(Sign, Option<usize>)> {
    use Sign::{CloseBrace, CloseBracket, CloseParenthesis, OpenBrace, OpenBracket, OpenParenthesis};
    let mut closed = 0;
    for (at, lexed) in tokens.iter().enumerate().rev() {
        match lexed.token {
            Token::Sign(CloseBrace | CloseBracket | CloseParenthesis) => closed += 1,
            Token::Sign(sign @ (OpenBrace | OpenBracket | OpenParenthesis)) => {
                if closed == 0 {
                    return Some((sign, at.checked_sub(1)));
                }
                closed -= 1;
            }
            _ => {}
        }
    }
    None
}

/// The field that ends `tokens`; `not` of `not in` is passed over.
fn field_before(tokens: &[Lexed]) -> Option<Field> {
    let mut tokens = tokens.iter().rev();
    let last = tokens.next()?;
    let last = if is_sign(last, Sign::Not) { tokens.next()? } else { last };
    match &last.token {
        Token::Word(word) => catalogue::find(field_name(word)),
        _ => None,
    }
}

struct Found<'a> {
    typed: &'a str,
    replace: Span,
    completions: Vec<Completion>,
}

impl Found<'_> {
    fn push(&mut self, text: &str, kind: CompletionKind, about: &str) {
        if text.starts_with(self.typed) {
            self.completions.push(Completion {
                text: text.to_owned(),
                replace: self.replace,
                kind,
                about: about.to_owned(),
            });
        }
    }

    /// Fields whose name begins with what is typed, then those that hold it somewhere.
    fn fields(&mut self, wanted: impl Fn(Field) -> bool) {
        let typed = field_name(self.typed);
        let named = |field: &Field| wanted(*field) && field.name().contains(typed);
        let mut fields: Vec<Field> = catalogue::all().filter(named).collect();
        fields.sort_by_key(|field| (!field.name().starts_with(typed), field.name()));
        let replace = self.replace;
        self.completions.extend(fields.into_iter().map(|field| Completion {
            text: field.name().to_owned(),
            replace,
            kind: CompletionKind::Field,
            about: format!("{} ({})", field.description(), field.type_name()),
        }));
    }

    fn functions(&mut self, wanted: impl Fn(&str) -> bool) {
        for function in FUNCTIONS.iter().filter(|function| wanted(function.name)) {
            let about = format!("{}: {}", function.form, function.about);
            self.push(&format!("{}(", function.name), CompletionKind::Function, &about);
        }
    }

    fn values(&mut self, field: Option<Field>) {
        let Some(field) = field else { return };
        if field.class() == Class::Boolean {
            self.push("True", CompletionKind::Value, "1");
            self.push("False", CompletionKind::Value, "0");
        }
        let typed = self.typed.trim_start_matches('"').to_lowercase();
        let numbers = field.value_names().map(|(number, name)| (name, number.to_string()));
        let texts = field.texts().map(|text| (text, String::new()));
        for (name, about) in numbers.chain(texts) {
            if name.to_lowercase().starts_with(&typed) {
                self.completions.push(Completion {
                    text: format!("\"{name}\""),
                    replace: self.replace,
                    kind: CompletionKind::Value,
                    about,
                });
            }
        }
    }

    fn operators(&mut self, class: Option<Class>) {
        let has_value = class != Some(Class::Nothing);
        let is_text = class.is_none_or(|class| matches!(class, Class::Text | Class::Bytes | Class::Dynamic));
        let comparisons = [
            ("==", "any value is equal"),
            ("!=", "no value is equal"),
            (">", "greater"),
            ("<", "less"),
            (">=", "greater or equal"),
            ("<=", "less or equal"),
            ("in", "in a set: {1, 3..5}"),
            ("not in", "not in a set: {1, 3..5}"),
            ("===", "every value is equal"),
            ("!==", "any value is not equal"),
        ];
        let searches =
            [("contains", "holds the text or bytes"), ("matches", "a regular expression fits: \"^a/.*\"")];
        for (text, about) in searches.iter().filter(|_| is_text && has_value) {
            self.push(text, CompletionKind::Operator, about);
        }
        for (text, about) in comparisons.iter().filter(|_| has_value) {
            self.push(text, CompletionKind::Operator, about);
        }
    }

    fn joints(&mut self) {
        self.keywords(&[("and", "both are true"), ("or", "either is true"), ("xor", "just one is true")]);
    }

    fn keywords(&mut self, words: &[(&str, &str)]) {
        for (word, about) in words {
            self.push(word, CompletionKind::Keyword, about);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn completions_lie_within_what_is_written(
            text in "[a-z .:=!<>&|(){}\\[\\],\"'\\\\#é0-9-]{0,30}",
            cursor in 0usize..40,
        ) {
            for completion in complete(&text, cursor) {
                let Span { start, end } = completion.replace;
                prop_assert!(start <= end && end == cursor.min(text.chars().count()), "{:?}", completion);
            }
        }
    }

    fn texts(text: &str) -> Vec<String> {
        complete(text, text.chars().count()).into_iter().map(|completion| completion.text).collect()
    }

    fn first(text: &str) -> String {
        texts(text).into_iter().next().unwrap_or_default()
    }

    #[test]
    fn a_name_is_completed_wherever_an_operand_may_stand() {
        for before in
            ["", "mqtt and ", "(", "not ", "!", "any ", "len(", "mqtt.msgid + ", "mqtt.qos == 1 || "]
        {
            let text = format!("{before}mqtt.topi");
            let completions = complete(&text, text.chars().count());
            assert_eq!(completions[0].text, "mqtt.topic", "{text}");
            assert_eq!(completions[0].replace, Span { start: before.len(), end: text.len() }, "{text}");
        }
    }

    #[test]
    fn names_that_begin_with_what_is_typed_come_before_names_that_hold_it() {
        let found = texts("msgid");
        assert_eq!(found[0], "mqtt.msgid");
        let found = texts("mqtt.msg");
        assert!(found.iter().position(|f| f == "mqtt.msg") < found.iter().position(|f| f == "mqtt.msgid"));
    }

    #[test]
    fn functions_are_completed_with_their_parenthesis() {
        assert!(texts("le").contains(&"len(".to_owned()));
        assert!(texts("mqtt.topic_f").contains(&"mqtt.topic_filter(".to_owned()));
    }

    #[test]
    fn after_a_field_come_the_operators_of_its_type() {
        let text = texts("mqtt.topic ");
        assert!(text.contains(&"contains".to_owned()) && text.contains(&"and".to_owned()));
        let number = texts("mqtt.msgid ");
        assert!(number.contains(&"==".to_owned()) && !number.contains(&"contains".to_owned()));
        let heading = texts("mqtt.properties ");
        assert_eq!(heading, ["and", "or", "xor"]);
        assert_eq!(first("mqtt.topic con"), "contains");
    }

    #[test]
    fn after_a_comparison_come_the_names_of_the_fields_values() {
        assert!(texts("mqtt.msgtype == ").contains(&"\"Publish Message\"".to_owned()));
        assert!(texts("mqtt.msgtype == pub").contains(&"\"Publish Message\"".to_owned()));
        assert!(texts("mqtt.msgtype == \"Publish M").contains(&"\"Publish Message\"".to_owned()));
        assert!(texts("mqtt.msgtype in {\"Connect Ack\", pub").contains(&"\"Publish Message\"".to_owned()));
        assert!(texts("mqtt.msgtype not in {").contains(&"\"Publish Message\"".to_owned()));
        assert!(texts("mqtt.retain == T").contains(&"True".to_owned()));
        assert_eq!(first("mqtt.msg_decoded_as == j"), "\"json\"");
        assert_eq!(texts("mqtt.msg_decoded_as in {\"cbor\", \"z"), ["\"zlib\"", "\"zstd\""]);
        assert!(!texts("mqtt.retain == ").contains(&"mqtt.topic".to_owned()));
    }

    #[test]
    fn after_a_whole_test_come_the_words_that_join() {
        for text in ["mqtt.qos == 1 ", "mqtt.qos in {1} ", "(mqtt.qos) ", "mqtt.topic == \"a\" "] {
            assert_eq!(texts(text), ["and", "or", "xor"], "{text}");
        }
        assert_eq!(texts("mqtt.qos == 1 an"), ["and"]);
        assert!(texts("len(mqtt.topic) ").contains(&">".to_owned()));
    }

    #[test]
    fn the_cursor_may_be_anywhere() {
        let text = "mqtt.topic == \"é\" and mqtt.q";
        for cursor in 0..text.len() + 3 {
            complete(text, cursor);
        }
        assert_eq!(complete("mqtt.to == 1", 7)[0].text, "mqtt.topic");
        assert!(complete("mqtt.topic matches \"(", 21).is_empty());
        assert!(complete("$", 1).is_empty());
    }
}
