//! probe
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder as B;
fn main() {
    for t in ["airlines", "airports", "planes", "weather", "flights"] {
        let b = B::try_new(
            std::fs::File::open(format!(
                "{}/../../tests/data/nycflights13/{t}.parquet",
                env!("CARGO_MANIFEST_DIR")
            ))
            .unwrap(),
        )
        .unwrap();
        println!(
            "{t} {} rg {}",
            b.metadata().file_metadata().num_rows(),
            b.metadata().num_row_groups()
        );
        for f in b.schema().fields() {
            println!("   {f}");
        }
        let bs: Vec<_> = b.with_batch_size(400000).build().unwrap().map(Result::unwrap).collect();
        let s = bs[0].slice(0, 3);
        for i in 0..3 {
            let r: Vec<String> = s
                .columns()
                .iter()
                .map(|c| {
                    arrow_cast::display::array_value_to_string(c, i)
                        .unwrap_or_else(|e| e.to_string())
                })
                .collect();
            println!("{}", r.join(" | "));
        }
        if t == "flights" {
            use arrow_array::cast::AsArray;
            let m = bs[0].column_by_name("month").unwrap();
            let mut last = String::new();
            for i in 0..bs[0].num_rows() {
                let v = arrow_cast::display::array_value_to_string(m, i).unwrap();
                if v != last {
                    print!("{i}:{v} ");
                    last = v;
                }
            }
            println!();
            let _ = m.as_any();
            let c = bs[0].column_by_name("carrier").unwrap();
            let mut h = std::collections::BTreeMap::new();
            for i in 0..c.len() {
                *h.entry(arrow_cast::display::array_value_to_string(c, i).unwrap()).or_insert(0) +=
                    1;
            }
            println!("{h:?}");
        }
        if t == "airlines" {
            for i in 0..16 {
                println!(
                    "{} {}",
                    arrow_cast::display::array_value_to_string(bs[0].column(0), i).unwrap(),
                    arrow_cast::display::array_value_to_string(bs[0].column(1), i).unwrap()
                );
            }
        }
    }
    println!(
        "{:?}",
        arrow_cast::display::array_value_to_string(
            &(std::sync::Arc::new(
                arrow_array::TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC")
            ) as arrow_array::ArrayRef),
            0
        )
    );
}
