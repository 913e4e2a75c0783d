//! How an option is declared.

use super::load::Reader;

/// One option, as the documentation shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionSpec {
    /// The section that it stands in; empty for top-level keys.
    pub section: &'static str,
    /// What the section is about.
    pub section_doc: &'static str,
    /// Its key within the section.
    pub name: &'static str,
    /// What it means, and what choosing another value costs or brings.
    pub doc: &'static str,
    /// What a value looks like.
    pub kind: &'static str,
    /// Its default, as TOML.
    pub default: String,
    /// The least and the greatest value, as TOML.
    pub limits: Option<(String, String)>,
}

impl OptionSpec {
    /// Its full key: `wal.sync`.
    #[must_use]
    pub fn key(&self) -> String {
        key(self.section, self.name)
    }

    /// The environment variable that sets it: `LANEWAY_WAL_SYNC`.
    #[must_use]
    pub fn env(&self) -> String {
        format!("LANEWAY_{}", self.key().replace('.', "_").to_ascii_uppercase())
    }

    /// The flag that sets it. Only top-level keys have one.
    #[must_use]
    pub fn flag(&self) -> Option<String> {
        self.section.is_empty().then(|| format!("--{}", self.name.replace('_', "-")))
    }
}

/// A group of options.
pub trait Section: Default {
    /// Its options.
    fn options() -> Vec<OptionSpec>;
    /// Reads them; problems go to the reader, and the default stands in.
    fn read(reader: &mut Reader) -> Self;
    /// Appends them as TOML.
    fn write_toml(&self, out: &mut String);
}

/// The full key of an option.
pub(super) fn key(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// Declares a section: a struct, its defaults, and its [`Section`] implementation.
macro_rules! section {
    ($(#[doc = $section_doc:literal])* $name:ident in $section:literal {
        $($(#[doc = $doc:literal])* $field:ident: $ty:ty = $default:expr $(, within $limits:expr)?;)*
    }) => {
        $(#[doc = $section_doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $ty,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::config::option::Section for $name {
            fn options() -> Vec<$crate::config::option::OptionSpec> {
                let section_doc = concat!($($section_doc, "\n"),*);
                vec![$($crate::config::option::OptionSpec {
                    section: $section,
                    section_doc,
                    name: stringify!($field),
                    doc: concat!($($doc, "\n"),*),
                    kind: <$ty as $crate::config::value::OptionValue>::KIND,
                    default: $crate::config::value::OptionValue::to_toml(&$default),
                    limits: $crate::config::option::section!(@limits $ty $(, $limits)?).map(|limits| (
                        $crate::config::value::OptionValue::to_toml(limits.start()),
                        $crate::config::value::OptionValue::to_toml(limits.end()),
                    )),
                },)*]
            }

            fn read(reader: &mut $crate::config::load::Reader) -> Self {
                Self {
                    $($field: reader.read(
                        &$crate::config::option::key($section, stringify!($field)),
                        $crate::config::option::section!(@limits $ty $(, $limits)?),
                    ).unwrap_or_else(|| $default),)*
                }
            }

            fn write_toml(&self, out: &mut String) {
                if !$section.is_empty() {
                    out.push_str(concat!("\n[", $section, "]\n"));
                }
                $(
                    out.push_str(concat!(stringify!($field), " = "));
                    out.push_str(&$crate::config::value::OptionValue::to_toml(&self.$field));
                    out.push('\n');
                )*
            }
        }
    };
    (@limits $ty:ty) => { None::<std::ops::RangeInclusive<$ty>> };
    (@limits $ty:ty, $limits:expr) => { Some::<std::ops::RangeInclusive<$ty>>($limits) };
}
pub(super) use section;
