//! A pipeline taken through every order of its steps: `cargo run -p annals --example interleavings`.
//!
//! Two transfers share an overdraft: each looks at both accounts, and takes what these allow together.
//! Under snapshot isolation there is an order in which both take it. The check finds it, the script
//! replays it, and serializable transactions have none. What is claimed is checked: else it ends with
//! an error.

use annals::error::BoxError;
use annals::testing::{CheckError, Run, Scenario, Steps};
use annals::{Isolation, SaveMode, Store, record_batch};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

/// Shows a text below what was said of it.
fn show(text: &str) {
    text.lines().for_each(|line| println!("{}", format!("    {line}").trim_end()));
}

/// What is in an account.
fn balance(table: &annals::Table) -> Result<i64, BoxError> {
    let batches = table.read()?;
    let batch = batches.first().ok_or("an account has one row")?;
    Ok(batch.column(0).as_primitive::<Int64Type>().value(0))
}

/// Takes `amount` from an account, if both together have it.
fn withdrawal(account: &'static str, amount: i64) -> Steps<'static, i64> {
    Steps::new(0)
        .step("look", |tx, sum| {
            *sum = balance(&tx.table("checking")?)? + balance(&tx.table("savings")?)?;
            Ok(*sum)
        })
        .step("take", move |tx, sum| {
            if *sum < amount {
                return Ok("nothing");
            }
            let left = balance(&tx.table(account)?)? - amount;
            let rows = record_batch!(("balance", Int64, [left]))?;
            tx.write(rows).mode(SaveMode::Overwrite).save_as_table(account)?;
            Ok("taken")
        })
}

/// The rule of the bank.
fn nothing_is_owed(run: &Run) -> Result<(), BoxError> {
    let account = |name: &str| balance(&run.store().table(name)?);
    match account("checking")? + account("savings")? {
        sum if sum < 0 => Err(format!("{sum} is left in both accounts together").into()),
        _ => Ok(()),
    }
}

fn main() -> Result<(), BoxError> {
    let store = Store::in_memory();
    store.write(record_batch!(("balance", Int64, [60]))?).save_as_table("checking")?;
    store.write(record_batch!(("balance", Int64, [40]))?).save_as_table("savings")?;
    let scenario = || {
        Scenario::on(&store)
            .transaction("ann", withdrawal("checking", 80))
            .transaction("bob", withdrawal("savings", 70))
    };

    println!("Two withdrawals can meet in {} ways:\n", scenario().orders()?.len());
    show(&scenario().orders()?.join("\n"));

    println!("\nUnder snapshot isolation:\n");
    let error = match scenario().check(nothing_is_owed) {
        Err(error) => error,
        Ok(checked) => return Err(format!("no order broke the rule: {checked:?}").into()),
    };
    show(&error.to_string());
    let CheckError::Broken(broken) = error else { return Err(error.into()) };

    println!("\nThe order can be replayed, here with the last step left out:\n");
    let shortened = broken.order.rsplit_once(' ').map_or("", |(rest, _)| rest);
    let run = scenario().replay(shortened)?;
    show(&run.to_string());
    nothing_is_owed(&run)?;

    println!("\nUnder serializable isolation:\n");
    let strict = || scenario().isolation(Isolation::Serializable);
    let checked = strict().check(nothing_is_owed)?;
    println!(
        "    the rule holds in all {} orders; {} of {} withdrawals are refused, and told why:\n",
        checked.orders,
        checked.refused,
        checked.committed + checked.refused
    );
    let run = strict().replay(&broken.order)?;
    show(&run.to_string());
    if checked.refused == 0 || run["bob"].conflict().is_none() {
        return Err("nothing was refused".into());
    }
    Ok(())
}
