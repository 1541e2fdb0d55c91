//! The forms that packets are printed in.

use mqscope_dissect::{
    PacketView,
    fields::FieldId,
    filter::{Filter, FilterError},
    print::{
        fields::{RowPer, Table, TableStyle},
        hex::{Clauses, HexPrinter, HexStyle, Shown},
        json::JsonLines,
        text::{TextLines, TextStyle},
    },
};

use crate::{
    args::{Color, Dump, DumpForm},
    exit::{Failure, OrExit as _},
    output::{self, Paint},
    source,
};

/// One of the forms, or none where only frames are written.
pub(super) struct Printer {
    form: Form,
    paint: bool,
}

enum Form {
    Nothing,
    Text(TextLines),
    Hex(HexPrinter),
    Json(JsonLines),
    Fields { table: Table, looks_ahead: bool },
}

impl Printer {
    pub(super) fn new(args: &Dump, color: Color) -> Result<Self, Failure> {
        let secrets = source::secrets(&args.source);
        let is_table = args.form == DumpForm::Fields;
        if !is_table && (!args.fields.is_empty() || args.per_frame || !args.field_options.is_empty()) {
            return Err(Failure::usage("-e, -E and --per-frame go with -T fields"));
        }
        let form = match args.form {
            DumpForm::Fields => table(args)?,
            // frames in a file are what is wanted then, as with tshark
            DumpForm::Text if args.write.is_some() => Form::Nothing,
            DumpForm::Text => {
                let style = TextStyle { width: super::terminal_columns(), secrets };
                Form::Text(TextLines::new(style))
            }
            DumpForm::Hex => {
                let (clauses, bytes) = if args.verbose {
                    (Clauses::Shown, Shown::All)
                } else {
                    (Clauses::Hidden, Shown::Beginning)
                };
                Form::Hex(HexPrinter::new(HexStyle { clauses, bytes, secrets, ..HexStyle::default() }))
            }
            DumpForm::Json => Form::Json(JsonLines::new(secrets)),
        };
        if args.write.as_deref().is_some_and(|path| path == "-") && !matches!(form, Form::Nothing) {
            return Err(Failure::usage(
                "-w - writes frames to standard output: packets cannot be printed there too",
            ));
        }
        Ok(Self { form, paint: output::wants_color(color) })
    }

    /// One line a packet, as `demo` prints them.
    #[cfg(feature = "embedded-broker")]
    pub(super) fn lines(color: Color) -> Self {
        let style = TextStyle { width: super::terminal_columns(), ..TextStyle::default() };
        Self { form: Form::Text(TextLines::new(style)), paint: output::wants_color(color) }
    }

    /// Whether values are printed that only later packets bring.
    pub(super) fn looks_ahead(&self) -> bool {
        matches!(self.form, Form::Fields { looks_ahead: true, .. })
    }

    pub(super) fn begin(&self, out: &mut Vec<u8>) {
        if let Form::Fields { table, .. } = &self.form {
            table.begin(out);
        }
    }

    pub(super) fn push(&mut self, out: &mut Vec<u8>, packet: &PacketView<'_>) {
        match &mut self.form {
            Form::Nothing => {}
            Form::Text(lines) if self.paint => lines.push(packet, &mut Paint(out)),
            Form::Text(lines) => lines.push(packet, out),
            Form::Hex(printer) if self.paint => printer.view(packet, &mut Paint(out)),
            Form::Hex(printer) => printer.view(packet, out),
            Form::Json(lines) => lines.push(out, packet),
            Form::Fields { table, .. } => table.push(out, packet),
        }
    }

    /// Drops what was pushed of a frame whose row is not complete.
    pub(super) fn discard(&mut self) {
        if let Form::Fields { table, .. } = &mut self.form {
            table.discard();
        }
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if let Form::Fields { table, .. } = &mut self.form {
            table.end(out);
        }
    }
}

fn table(args: &Dump) -> Result<Form, Failure> {
    if args.fields.is_empty() {
        return Err(Failure::usage("-T fields needs at least one -e FIELD, for example -e mqtt.topic"));
    }
    let fields = args.fields.iter().map(|name| field(name)).collect::<Result<Vec<_>, _>>()?;
    let mut style = TableStyle::default();
    for setting in &args.field_options {
        style.set(setting).or_usage()?;
    }
    if args.per_frame {
        style.row = RowPer::Frame;
    }
    let looks_ahead = fields.iter().any(|field| field.looks_ahead());
    let table = Table::new(fields, style, source::secrets(&args.source));
    Ok(Form::Fields { table, looks_ahead })
}

fn field(name: &str) -> Result<FieldId, Failure> {
    FieldId::by_name(name).ok_or_else(|| {
        // a field's name is a filter too: its error knows the nearest name
        let error = Filter::parse(name).err();
        let hint =
            error.as_ref().and_then(FilterError::nearest).map(|near| format!("; did you mean `{near}`?"));
        Failure::usage(format!("unknown field `{name}`{}", hint.unwrap_or_default()))
    })
}
