//! README's examples say what the program says.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{at_root, finish, mqscope};

/// What README shows: commands, each with its output.
fn examples(readme: &str) -> Vec<(String, String)> {
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match (inside, line.strip_prefix("$ ")) {
            (false, _) => inside = line == "```console",
            (true, _) if line == "```" => inside = false,
            (true, Some(command)) => examples.push((command.to_owned(), String::new())),
            (true, None) => {
                let (_, output) = examples.last_mut().expect("a command before its output");
                *output += line;
                *output += "\n";
            }
        }
    }
    examples
}

#[test]
fn every_example_prints_what_readme_shows() {
    let program = mqscope();
    let folder = Path::new(program.get_program()).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let examples = examples(&fs::read_to_string(at_root("README.md")).unwrap());
    assert!(examples.len() >= 4, "{examples:?}");
    for (command, output) in examples {
        let said = finish(
            Command::new("sh").args(["-c", &command]).current_dir(at_root("")).env("PATH", &path),
            b"",
        );
        assert_eq!(said.expect(0).text(), output, "{command}");
    }
}
