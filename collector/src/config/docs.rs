//! Writes `docs/configuration.md`.

use std::fmt::Write;

use super::{Config, OptionSpec};

const HEAD: &str = "\
# Configuration

<!-- Generated from collector/src/config.rs; `LANEWAY_UPDATE_DOCS=1 cargo test -p laneway-collector configuration_docs` writes it anew. -->

`laneway serve` and `laneway demo` read, weakest first: defaults, the TOML file that `--config` or `LANEWAY_CONFIG` names, the
environment, flags. `laneway check-config` takes the same flags, prints the configuration that would apply, as TOML, and exits
with 0, or names every problem and exits with 64.

- Every problem is reported in one message, each with its key, its value, where it was set, and the limit. Exit code 64; nothing
  was bound or opened by then.
- A key of the file that does not exist is an error. Unknown environment variables are ignored, since services of the SDK share
  the prefix `LANEWAY_`.
- Sizes are binary: `KiB`, `MiB`, `GiB`, `TiB`. Durations carry their unit: `250ms`, `10s`, `1m 30s`.
- Log verbosity is no option: `LANEWAY_LOG`, else `RUST_LOG`, takes a filter such as `info` or `laneway_collector=debug`.
";

/// The whole file.
pub(super) fn render() -> String {
    let mut out = HEAD.to_owned();
    let mut section = None;
    for option in Config::options() {
        if section != Some(option.section) {
            section = Some(option.section);
            let title = if option.section.is_empty() {
                "Top level".to_owned()
            } else {
                format!("`[{}]`", option.section)
            };
            let _ = write!(out, "\n## {title}\n\n{}\n", paragraph(option.section_doc));
        }
        render_option(&option, &mut out);
    }
    out
}

fn render_option(option: &OptionSpec, out: &mut String) {
    let flag = option.flag().map(|flag| format!(", `{flag}`")).unwrap_or_default();
    let limits = option
        .limits
        .as_ref()
        .map(|(least, most)| format!("; from `{least}` to `{most}`"))
        .unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "\n### `{}`\n\n{}\n\n- {}{limits}\n- default `{}`\n- `{}`{flag}\n",
        option.key(),
        paragraph(option.doc),
        option.kind,
        option.default,
        option.env(),
    );
}

/// A doc comment as one paragraph.
fn paragraph(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}
