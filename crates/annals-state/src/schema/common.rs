//! The narrowest type that two types both go into, for merging and comparing.

use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Fields, IntervalUnit, TimeUnit};

use super::kin::{
    Digits, Kin, decimal, element, entry, find_field, integer, is_bytes, is_encodable, is_sound,
    is_text, leaf_kin, precision_max,
};

/// The narrowest type that holds every value of both, if there is one.
///
/// Where several will do, the encoding, the time zone and the metadata of `a` win. Fields of
/// structs are merged by name: those of `a` in their order, then those that only `b` has; a field
/// that one side lacks is nullable.
pub fn common_type(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    if a == b || *b == Null {
        return Some(a.clone());
    }
    if *a == Null {
        return Some(b.clone());
    }
    match (a, b) {
        (Dictionary(key, a), Dictionary(other, b)) if key == other => {
            let value = common_type(a, b)?;
            is_encodable(&value).then(|| Dictionary(key.clone(), Box::new(value)))
        }
        (Dictionary(_, value), _) => common_type(value, b),
        (_, Dictionary(_, value)) => common_type(a, value),
        (RunEndEncoded(_, value), _) => common_type(value.data_type(), b),
        (_, RunEndEncoded(_, value)) => common_type(a, value.data_type()),
        (Struct(a), Struct(b)) => Some(Struct(common_fields(a, b)?)),
        (Map(a, a_sorted), Map(b, b_sorted)) => {
            let ((a_key, a_value), (b_key, b_value)) = (entry(a)?, entry(b)?);
            let fields = [common_field(a_key, b_key)?, common_field(a_value, b_value)?];
            let entries = a.as_ref().clone().with_data_type(Struct(fields.into_iter().collect()));
            Some(Map(Arc::new(entries), *a_sorted && *b_sorted))
        }
        (Timestamp(unit, Some(zone)), Timestamp(other, Some(_))) => {
            Some(Timestamp(*unit.max(other), Some(Arc::clone(zone))))
        }
        _ if element(a).is_some() || element(b).is_some() => common_list(a, b),
        _ if is_text(a) && is_text(b) || is_bytes(a) && is_bytes(b) => {
            Some(if leaf_kin(a, b)?.total { b.clone() } else { a.clone() })
        }
        _ => common_leaf(a, b),
    }
}

fn common_leaf(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    if leaf_kin(b, a).is_some_and(Kin::widens) {
        return Some(a.clone());
    }
    if leaf_kin(a, b).is_some_and(Kin::widens) {
        return Some(b.clone());
    }
    if a.is_decimal() || b.is_decimal() {
        return common_decimal(a, b);
    }
    let candidates = [
        Int16,
        Int32,
        Int64,
        Float16,
        Float32,
        Float64,
        Decimal128(20, 0),
        Binary,
        Timestamp(TimeUnit::Millisecond, None),
        Interval(IntervalUnit::MonthDayNano),
    ];
    let holds = |c: &DataType, t| leaf_kin(t, c).is_some_and(Kin::widens);
    candidates.into_iter().find(|c| holds(c, a) && holds(c, b))
}

fn common_decimal(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    let digits = |t: &DataType| {
        decimal(t).or_else(|| integer(t).map(|(signed, bits)| Digits::of_integer(signed, bits)))
    };
    if !is_sound(a) || !is_sound(b) {
        return None;
    }
    let (x, y) = (digits(a)?, digits(b)?);
    let scale = i8::try_from(x.fraction.max(y.fraction)).ok()?;
    let precision = u8::try_from(x.whole.max(y.whole) + i16::from(scale)).ok()?.max(1);
    let width = precision.max(precision_max(a).unwrap_or(0)).max(precision_max(b).unwrap_or(0));
    let common = match width {
        ..=9 => Decimal32(precision, scale),
        10..=18 => Decimal64(precision, scale),
        19..=38 => Decimal128(precision, scale),
        39..=76 => Decimal256(precision, scale),
        _ => return None,
    };
    is_sound(&common).then_some(common)
}

fn common_list(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    let element = common_field(element(a)?, element(b)?)?;
    let is_large = |t: &DataType| matches!(t, LargeList(_) | LargeListView(_));
    Some(match (a, b) {
        (FixedSizeList(_, size), FixedSizeList(_, other)) if size == other => {
            FixedSizeList(element, *size)
        }
        (ListView(_), ListView(_)) => ListView(element),
        (LargeListView(_), LargeListView(_)) => LargeListView(element),
        _ if is_large(a) || is_large(b) => LargeList(element),
        _ => List(element),
    })
}

fn common_field(a: &FieldRef, b: &FieldRef) -> Option<FieldRef> {
    let common = common_type(a.data_type(), b.data_type())?;
    let nullable = a.is_nullable() || b.is_nullable();
    if common == *a.data_type() && nullable == a.is_nullable() {
        return Some(Arc::clone(a));
    }
    Some(Arc::new(a.as_ref().clone().with_data_type(common).with_nullable(nullable)))
}

fn common_fields(a: &Fields, b: &Fields) -> Option<Fields> {
    let nullable = |f: &FieldRef| Arc::new(f.as_ref().clone().with_nullable(true));
    let mut fields = Vec::with_capacity(a.len().max(b.len()));
    for field in a {
        fields.push(match find_field(b, field.name()) {
            Some((_, other)) => common_field(field, other)?,
            None => nullable(field),
        });
    }
    fields.extend(b.iter().filter(|f| find_field(a, f.name()).is_none()).map(nullable));
    Some(fields.into())
}
