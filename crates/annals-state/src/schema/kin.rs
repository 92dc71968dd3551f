//! How two types relate: what goes into what, and at what risk.
//!
//! [`kin`] is the one judgement that all of `schema` rests on. It says by which [`CastPolicy`]
//! values of one type may become values of another, and whether that can fail at all:
//!
//! | from, to | policy | can fail |
//! |---|---|---|
//! | the same type, or another encoding of it | `Exact` | only into smaller offsets or keys |
//! | integers, floats and decimals into types that hold all their values | `Lossless` | no |
//! | `Date32` into `Date64` or a timestamp without zone | `Lossless` | beyond the range of µs, ns |
//! | timestamps, times, durations into a finer unit | `Lossless` | beyond its range |
//! | timestamps into another zone (the instant is kept) | `Lossless` | no |
//! | fixed size binary and lists into variable size, `Null` into anything | `Lossless`, `Exact` | no |
//! | what else Spark's `Cast.canANSIStoreAssign` allows | `Ansi` | yes |
//!
//! Encodings of one type are: strings of any offset or view, likewise binary and lists; plain,
//! dictionary and run-end encoded; decimals of one precision and scale in any width.

use std::fmt;

use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};

use super::fold;

/// What may happen to values on their way into a table; each policy allows what those before it
/// do. Whatever the policy, a value that does not fit is an error and never null, wrapped or cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CastPolicy {
    /// The same logical type; only its encoding may differ.
    Exact,

    /// Also every type whose values the table's type holds all of. Nothing changes and nothing
    /// fails, but for instants that are out of range in a finer unit.
    #[default]
    Lossless,

    /// Also Spark's ANSI store assignment: any number into any number; anything atomic (but
    /// intervals and durations) into a string; dates and timestamps, with and without zone, into
    /// one another; a coarser unit of time. Never a string into anything else, nor booleans into
    /// numbers or back.
    ///
    /// Fractions are cut towards zero on the way into an integer; decimals round half up (away
    /// from zero); a double becomes the decimal that its shortest text denotes; instants are
    /// rounded down to a coarser unit. Where Spark asks for the session's time zone it is UTC.
    Ansi,
}

impl fmt::Display for CastPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Lossless => "lossless",
            Self::Ansi => "ansi",
        })
    }
}

/// Whether every value of `from` is a value of `to`.
///
/// This is about values, not encodings or ranges of instants: strings go into strings of any
/// offset, and timestamps into a finer unit although those far from 1970 do not fit it.
pub fn widens_to(from: &DataType, to: &DataType) -> bool {
    kin(from, to).is_some_and(Kin::widens)
}

/// How values of one type become values of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kin {
    /// The strictest policy that allows it.
    pub(super) policy: CastPolicy,
    /// Whether it succeeds for every array.
    pub(super) total: bool,
}

const SAME: Kin = Kin { policy: CastPolicy::Exact, total: true };
const ENCODED: Kin = Kin { policy: CastPolicy::Exact, total: false };
const WIDER: Kin = Kin { policy: CastPolicy::Lossless, total: true };
const FINER: Kin = Kin { policy: CastPolicy::Lossless, total: false };
const ANSI: Kin = Kin { policy: CastPolicy::Ansi, total: false };

impl Kin {
    /// Whether no value changes.
    pub(super) fn widens(self) -> bool {
        self.policy <= CastPolicy::Lossless
    }

    /// Whether no value changes and no array fails.
    pub(super) fn always_widens(self) -> bool {
        self.widens() && self.total
    }

    fn and(self, other: Self) -> Self {
        Self { policy: self.policy.max(other.policy), total: self.total && other.total }
    }

    fn or_fails_if(self, fallible: bool) -> Self {
        Self { total: self.total && !fallible, ..self }
    }
}

/// How values of `from` become values of `to`, if they do. Fields of structs go by name.
pub(super) fn kin(from: &DataType, to: &DataType) -> Option<Kin> {
    use DataType::*;
    if from == to || *from == Null {
        return Some(SAME);
    }
    match (from, to) {
        (Dictionary(key, value), Dictionary(to_key, to_value)) if is_encodable(to_value) => {
            Some(kin(value, to_value)?.or_fails_if(key_bits(to_key) < key_bits(key)))
        }
        (Dictionary(_, value), _) => kin(value, to),
        (RunEndEncoded(_, value), _) => kin(value.data_type(), to),
        (_, Dictionary(_, value)) if is_encodable(value) => Some(kin(from, value)?.and(ENCODED)),
        (_, RunEndEncoded(ends, value)) if is_plain_run_end(ends, value) => {
            Some(kin(from, value.data_type())?.and(ENCODED))
        }
        (Struct(from), Struct(to)) => struct_kin(from, to),
        (Map(from, sorted), Map(to, to_sorted)) if *sorted || !*to_sorted => {
            let (from_key, from_value) = entry(from)?;
            let (to_key, to_value) = entry(to)?;
            Some(field_kin(from_key, to_key)?.and(field_kin(from_value, to_value)?))
        }
        (FixedSizeList(from, size), FixedSizeList(to, to_size)) => {
            if size == to_size {
                field_kin(from, to)
            } else {
                None
            }
        }
        _ => match (element(from), element(to)) {
            (Some(_), Some(_)) if matches!(to, FixedSizeList(..)) => None,
            (Some(from_field), Some(to_field)) => {
                let shape = if matches!(from, FixedSizeList(..)) { WIDER } else { SAME };
                let fits = matches!(to, LargeList(_) | LargeListView(_))
                    || matches!(
                        (from, to),
                        (List(_), List(_) | ListView(_)) | (ListView(_), ListView(_))
                    );
                Some(field_kin(from_field, to_field)?.and(shape).or_fails_if(!fits))
            }
            (None, None) => leaf_kin(from, to),
            _ => None,
        },
    }
}

fn field_kin(from: &Field, to: &Field) -> Option<Kin> {
    if from.is_nullable() && !to.is_nullable() {
        return None;
    }
    kin(from.data_type(), to.data_type())
}

fn struct_kin(from: &Fields, to: &Fields) -> Option<Kin> {
    let mut result = SAME;
    let mut matched = 0;
    for field in to {
        result = result.and(match find_field(from, field.name()) {
            Some((_, source)) => {
                matched += 1;
                field_kin(source, field)?
            }
            None if field.is_nullable() => WIDER,
            None => return None,
        });
    }
    (matched == from.len()).then_some(result)
}

/// The field of that folded name, and where it is.
pub(super) fn find_field<'a>(fields: &'a Fields, name: &str) -> Option<(usize, &'a FieldRef)> {
    let folded = fold(name);
    fields.iter().enumerate().find(|(_, f)| f.name() == name || fold(f.name()) == folded)
}

/// The element of a list of any kind.
pub(super) fn element(list: &DataType) -> Option<&FieldRef> {
    use DataType::*;
    match list {
        List(field)
        | LargeList(field)
        | ListView(field)
        | LargeListView(field)
        | FixedSizeList(field, _) => Some(field),
        _ => None,
    }
}

/// The key and the value of a map's entries.
pub(super) fn entry(entries: &Field) -> Option<(&FieldRef, &FieldRef)> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Some((&fields[0], &fields[1])),
        _ => None,
    }
}

/// Whether plain values of this type can be made a dictionary or runs.
pub(super) fn is_encodable(value: &DataType) -> bool {
    use DataType::*;
    value.is_integer()
        || value.is_floating()
        || value.is_decimal()
        || matches!(value, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary)
        || matches!(value, Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..))
}

/// Whether this is the run-end encoding that Arrow's kernels make: they choose the field names.
pub(super) fn is_plain_run_end(ends: &Field, value: &Field) -> bool {
    is_encodable(value.data_type())
        && *ends == Field::new("run_ends", ends.data_type().clone(), false)
        && *value == Field::new("values", value.data_type().clone(), true)
}

fn key_bits(key: &DataType) -> u32 {
    integer(key).map_or(0, |(signed, bits)| bits - u32::from(signed))
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

pub(super) fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

pub(super) fn leaf_kin(from: &DataType, to: &DataType) -> Option<Kin> {
    use DataType::*;
    let widens = |yes: bool| Some(if yes { WIDER } else { ANSI });
    match (from, to) {
        (Utf8, LargeUtf8 | Utf8View) | (Utf8View, LargeUtf8) => Some(SAME),
        (Binary, LargeBinary | BinaryView) | (BinaryView, LargeBinary) => Some(SAME),
        _ if is_text(from) && is_text(to) || is_bytes(from) && is_bytes(to) => Some(ENCODED),
        (FixedSizeBinary(_), _) if is_bytes(to) => Some(WIDER.or_fails_if(*to == Binary)),
        (FixedSizeBinary(_), _) if is_text(to) => Some(ANSI),
        _ if is_bytes(from) && is_text(to) => Some(ANSI),
        (Date32, Date64) => Some(WIDER),
        (Date64, Date32) => Some(ANSI),
        (Date32, Timestamp(unit, None)) => Some(WIDER.or_fails_if(*unit > TimeUnit::Millisecond)),
        (Date64, Timestamp(unit, None)) if *unit >= TimeUnit::Millisecond => {
            Some(WIDER.or_fails_if(*unit > TimeUnit::Millisecond))
        }
        (Date32 | Date64, Timestamp(..)) | (Timestamp(..), Date32 | Date64) => Some(ANSI),
        (Timestamp(unit, zone), Timestamp(to_unit, to_zone)) => {
            match (zone, to_zone) {
                (None, Some(_)) | (Some(_), None) => return Some(ANSI),
                (Some(zone), Some(to_zone)) if unit == to_unit => {
                    return Some(if zone_key(zone) == zone_key(to_zone) { SAME } else { WIDER });
                }
                _ => {}
            }
            Some(if unit < to_unit { FINER } else { ANSI })
        }
        (Time32(_), Time64(_)) => Some(WIDER),
        (Time32(unit) | Time64(unit), Time32(to_unit) | Time64(to_unit))
        | (Duration(unit), Duration(to_unit)) => Some(if unit < to_unit { FINER } else { ANSI }),
        (
            Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime),
            Interval(IntervalUnit::MonthDayNano),
        ) => Some(WIDER),
        (Boolean | Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..), _) if is_text(to) => {
            Some(ANSI)
        }
        _ if from.is_numeric() && is_text(to) => is_sound(from).then_some(ANSI),
        _ if from.is_numeric() && to.is_numeric() => {
            if !is_sound(from) || !is_sound(to) {
                return None;
            }
            if let (Some(from), Some(to)) = (decimal(from), decimal(to)) {
                return if from == to { Some(SAME) } else { widens(from.fits(to)) };
            }
            widens(match (integer(from), integer(to)) {
                (Some(from), Some(to)) => integer_fits(from, to),
                (Some((signed, bits)), None) => match (significand_bits(to), decimal(to)) {
                    (Some(significand), _) => bits - u32::from(signed) <= significand,
                    (None, Some(to)) => Digits::of_integer(signed, bits).fits(to),
                    (None, None) => false,
                },
                _ => match (significand_bits(from), significand_bits(to)) {
                    (Some(from), Some(to)) => from <= to,
                    _ => false,
                },
            })
        }
        _ => None,
    }
}

/// One spelling for the many names of UTC.
fn zone_key(zone: &str) -> &str {
    match zone {
        "UTC" | "utc" | "Z" | "z" | "GMT" | "Etc/UTC" | "+00:00" | "-00:00" | "+0000" | "+00" => {
            "UTC"
        }
        other => other,
    }
}

pub(super) fn integer(data_type: &DataType) -> Option<(bool, u32)> {
    use DataType::*;
    Some(match data_type {
        Int8 => (true, 8),
        Int16 => (true, 16),
        Int32 => (true, 32),
        Int64 => (true, 64),
        UInt8 => (false, 8),
        UInt16 => (false, 16),
        UInt32 => (false, 32),
        UInt64 => (false, 64),
        _ => return None,
    })
}

fn integer_fits((signed, bits): (bool, u32), (to_signed, to_bits): (bool, u32)) -> bool {
    match (signed, to_signed) {
        (true, false) => false,
        (false, true) => bits < to_bits,
        _ => bits <= to_bits,
    }
}

fn significand_bits(data_type: &DataType) -> Option<u32> {
    match data_type {
        DataType::Float16 => Some(11),
        DataType::Float32 => Some(24),
        DataType::Float64 => Some(53),
        _ => None,
    }
}

/// Digits of a decimal before and behind its point; either may be negative.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    pub(super) whole: i16,
    pub(super) fraction: i16,
}

impl Digits {
    pub(super) fn of_integer(signed: bool, bits: u32) -> Self {
        let whole = match (signed, bits) {
            (_, 8) => 3,
            (_, 16) => 5,
            (_, 32) => 10,
            (true, _) => 19,
            (false, _) => 20,
        };
        Self { whole, fraction: 0 }
    }

    fn fits(self, to: Self) -> bool {
        self.whole <= to.whole && self.fraction <= to.fraction
    }
}

pub(super) fn decimal(data_type: &DataType) -> Option<Digits> {
    use DataType::*;
    match data_type {
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => {
            let fraction = i16::from(*s);
            Some(Digits { whole: i16::from(*p) - fraction, fraction })
        }
        _ => None,
    }
}

/// The greatest precision of a decimal of that width.
pub(super) fn precision_max(data_type: &DataType) -> Option<u8> {
    use DataType::*;
    match data_type {
        Decimal32(..) => Some(9),
        Decimal64(..) => Some(18),
        Decimal128(..) => Some(38),
        Decimal256(..) => Some(76),
        _ => None,
    }
}

/// Whether a decimal has a precision and a scale that its width allows; true of other types.
pub(super) fn is_sound(data_type: &DataType) -> bool {
    use DataType::*;
    let Some(most) = precision_max(data_type) else { return true };
    match data_type {
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => {
            (1..=most).contains(p) && s.unsigned_abs() <= most
        }
        _ => true,
    }
}
