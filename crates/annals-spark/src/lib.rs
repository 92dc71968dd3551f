//! Spark's words over an annals store: Session, DataFrame, DataFrameWriter and Catalog, as PySpark names them.
