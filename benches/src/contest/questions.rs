//! The questions that one thread answers: cycles, finding, travelling, pinning, appending, scanning.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Instant;

use arrow_array::RecordBatch;

use super::results::{Anomalies, Kind, Unit};
use super::{Contest, ROUNDS, Rounds, Turn, paced};
use crate::peers::{Failure, Name, Peer, Seen, Session, rows_of};
use crate::stores::Wander;

/// How many batches are made ahead; writes use them in turn.
const POOL: usize = 64;
/// Rows in a batch of the large table.
const BATCH_ROWS: usize = 1 << 16;

/// How long creating the tables of one system may take.
const CREATE_SECONDS_MAX: f64 = 12.0;

fn open_all(contest: &Contest) -> Vec<Box<dyn Peer>> {
    contest.contestants.iter().map(|contestant| (contestant.open)()).collect()
}

fn read_of(session: &mut dyn Session, name: &Name) -> (Result<bool, Failure>, Seen) {
    let mut seen = Seen::default();
    let read = session.read(name, &mut |rows| seen.see(rows));
    (read, black_box(seen))
}

impl Contest {
    /// Overwrites a table and reads it on the next line.
    pub fn cycles(&mut self, rows: usize) {
        let pool: Vec<RecordBatch> = (0..POOL).map(|write| rows_of(write as i64, rows)).collect();
        let peers = open_all(self);
        let name = Name::nth(0);
        let found = RefCell::new(vec![Anomalies::default(); peers.len()]);
        let sides = peers.iter().enumerate().map(|(at, peer)| {
            let mut session = peer.session();
            let (pool, name, found) = (&pool, &name, &found);
            Ok(paced(self.smoke, move |number| {
                let write = number % POOL;
                session.overwrite(name, &pool[write])?;
                let (read, seen) = read_of(&mut *session, name);
                let found = &mut found.borrow_mut()[at];
                found.check(&read, &seen, rows, write as i64);
                // The pool begins again at 0: what is not this write is an older one.
                found.stale += u64::from(seen.rows == rows && seen.write > write as i64);
                Ok(())
            }))
        });
        let taken = self.alternate(ROUNDS, sides.collect());
        self.watched(&found.into_inner());
        let title = format!("Overwrite a table of {rows} rows, then read it by name");
        self.enter(&format!("cycle_{rows}"), &title, Unit::Nanoseconds, Kind::Other, taken);
    }

    /// Finds a table among 1,000 and reads it.
    pub fn find(&mut self, rows: usize) {
        let count = self.size(1_000, 10);
        let names: Vec<Name> = (0..count).map(Name::nth).collect();
        let peers = open_all(self);
        let found = RefCell::new(vec![Anomalies::default(); peers.len()]);
        let sides = peers.iter().enumerate().map(|(at, peer)| {
            let mut session = peer.session();
            session.create(&names, &|| rows_of(1, rows)).map_err(|failure| failure.to_string())?;
            let (names, found) = (&names, &found);
            let mut wander = Wander::over(names.len());
            Ok(paced(self.smoke, move |_| {
                let (read, seen) = read_of(&mut *session, &names[wander.step()]);
                found.borrow_mut()[at].check(&read, &seen, rows, 1);
                Ok(())
            }))
        });
        let taken = self.alternate(ROUNDS, sides.collect());
        self.watched(&found.into_inner());
        let title = format!("Find one of 1,000 tables by name and read its {rows} rows");
        self.enter(&format!("find_{rows}"), &title, Unit::Nanoseconds, Kind::Read, taken);
    }

    /// Goes back to one of the first of 100 versions.
    pub fn old_version(&mut self) {
        let rows = 10;
        let versions = self.size(100, 5);
        let peers = open_all(self);
        let name = Name::nth(0);
        let found = RefCell::new(vec![Anomalies::default(); peers.len()]);
        let sides = peers.iter().enumerate().map(|(at, peer)| {
            let mut session = peer.session();
            let mut old = None;
            for write in 1..=versions {
                let written = session.overwrite(&name, &rows_of(write as i64, rows));
                written.map_err(|failure| failure.to_string())?;
                if write == 2 {
                    old = session.version(&name);
                }
            }
            let old = old.ok_or("keeps no older versions")?;
            let (name, found) = (&name, &found);
            Ok(paced(self.smoke, move |_| {
                let mut seen = Seen::default();
                let read = session.read_at(old, name, &mut |rows| seen.see(rows));
                let read = read.ok_or("there is no way")?;
                let found = &mut found.borrow_mut()[at];
                found.check(&read, &seen, rows, 2);
                found.torn += u64::from(seen.write > 2);
                Ok(())
            }))
        });
        let taken = self.alternate(ROUNDS, sides.collect());
        self.watched(&found.into_inner());
        let title = "Read version 2 of a table that has 100";
        self.enter("old_version", title, Unit::Nanoseconds, Kind::Read, taken);
    }

    /// Takes a view of everything and lets it go.
    pub fn pin(&mut self) {
        let names: Vec<Name> = (0..self.size(1_000, 10)).map(Name::nth).collect();
        let peers = open_all(self);
        let sides = peers.iter().map(|peer| {
            let mut session = peer.session();
            if !session.pin() {
                return Err("has no view of everything".to_owned());
            }
            session.create(&names, &|| rows_of(1, 1)).map_err(|failure| failure.to_string())?;
            Ok(paced(self.smoke, move |_| {
                session.pin();
                Ok(())
            }))
        });
        let taken = self.alternate(ROUNDS, sides.collect());
        let title = "Pin everything (1,000 tables), and let it go";
        self.enter("pin", title, Unit::Nanoseconds, Kind::Other, taken);
    }

    /// Replaces three tables at once.
    pub fn commit_three(&mut self) {
        let names = [0, 1, 2].map(Name::nth);
        let pool: Vec<RecordBatch> = (0..POOL).map(|write| rows_of(write as i64, 100)).collect();
        let peers = open_all(self);
        let sides = peers.iter().map(|peer| {
            let mut session = peer.session();
            session.create(&names, &|| rows_of(0, 100)).map_err(|failure| failure.to_string())?;
            let (names, pool) = (&names, &pool);
            let mut commit = move |number: usize| {
                let rows = &pool[number % POOL];
                session.commit(&[(&names[0], rows), (&names[1], rows), (&names[2], rows)])
            };
            if commit(0).is_none() {
                return Err("has no commit of several tables".to_owned());
            }
            Ok(paced(self.smoke, move |number| commit(number).ok_or("there is no way")?))
        });
        let taken = self.alternate(ROUNDS, sides.collect());
        let title = "Overwrite three tables of 100 rows in one commit";
        self.enter("commit_three", title, Unit::Nanoseconds, Kind::Other, taken);
    }

    /// 1,000 appends of one row, then a scan.
    pub fn appends(&mut self) {
        let count = self.size(1_000, 5);
        let pool: Vec<RecordBatch> = (0..count).map(|row| rows_of(row as i64, 1)).collect();
        let peers = open_all(self);
        let mut found = vec![Anomalies::default(); peers.len()];
        let mut appends: Vec<Rounds> = Vec::new();
        for _ in &peers {
            appends.push(Ok((Vec::new(), None)));
        }
        let rounds = self.size(5, 1);
        for round in 0..rounds {
            for (at, peer) in peers.iter().enumerate() {
                let Ok((figures, note)) = &mut appends[at] else { continue };
                if figures.first().is_some_and(|first| first * count as f64 > 3e9) {
                    *note = Some("once".to_owned());
                    continue;
                }
                let (mut session, name) = (peer.session(), Name::nth(round));
                let begin = Instant::now();
                let done = pool.iter().enumerate().try_for_each(|(at, row)| match at {
                    0 => session.overwrite(&name, row),
                    _ => session.append(&name, row),
                });
                let took = begin.elapsed().as_nanos() as f64 / count as f64;
                match done {
                    Ok(()) => figures.push(took),
                    Err(failure) => appends[at] = Err(format!("failed: {failure}")),
                }
            }
        }
        let title = "Append one row, 1,000 times over";
        let failed: Vec<Option<String>> =
            appends.iter().map(|rounds| rounds.as_ref().err().cloned()).collect();
        self.enter("append", title, Unit::Nanoseconds, Kind::Other, appends);

        let cell = RefCell::new(&mut found);
        let sides = peers.iter().enumerate().map(|(at, peer)| {
            if let Some(reason) = &failed[at] {
                return Err(reason.clone());
            }
            let (mut session, name, found) = (peer.session(), Name::nth(0), &cell);
            Ok(paced(self.smoke, move |_| {
                let (read, seen) = read_of(&mut *session, &name);
                let found = &mut found.borrow_mut()[at];
                // Rows of many writes here: complete is what they must be.
                found.reads += 1;
                found.failed += u64::from(read.is_err());
                found.lost += (count - seen.rows.min(count)) as u64;
                Ok(())
            }))
        });
        let taken = self.alternate(ROUNDS, sides.collect());
        self.watched(&found);
        let title = "Scan the table of 1,000 appends of one row";
        self.enter("append_scan", title, Unit::Nanoseconds, Kind::Read, taken);
    }

    /// Many tables: made, found, listed.
    pub fn many_tables(&mut self) {
        let count = self.size(100_000, 200);
        let names: Vec<Name> = (0..count).map(Name::nth).collect();
        let peers = open_all(self);
        let mut made = Vec::new();
        let mut created = Vec::new();
        for peer in &peers {
            let mut session = peer.session();
            let begin = Instant::now();
            let mut done = Ok(0);
            // A first piece tells whether all of them would take too long.
            for piece in [0..count / 100, count / 100..count / 10, count / 10..count] {
                let so_far = begin.elapsed().as_secs_f64();
                if so_far / piece.start.max(1) as f64 * piece.end as f64 > CREATE_SECONDS_MAX {
                    break;
                }
                done = session.create(&names[piece.clone()], &|| rows_of(1, 1)).map(|()| piece.end);
                if done.is_err() {
                    break;
                }
            }
            let took = begin.elapsed().as_nanos() as f64;
            made.push(*done.as_ref().unwrap_or(&0));
            created.push(match done {
                Ok(made) => {
                    let note = (made < count).then(|| format!("{made} made"));
                    Ok((vec![took / made as f64], note))
                }
                Err(failure) => Err(format!("failed: {failure}")),
            });
        }
        let title = "Create 100,000 tables of one row: each";
        self.enter("tables_create", title, Unit::Nanoseconds, Kind::Other, created);

        let mut found = vec![Anomalies::default(); peers.len()];
        let cell = RefCell::new(&mut found);
        let sides = peers.iter().enumerate().map(|(at, peer)| {
            let (mut session, names, found) = (peer.session(), &names, &cell);
            let mut wander = Wander::over(made[at].max(1));
            Ok(paced(self.smoke, move |_| {
                let (read, seen) = read_of(&mut *session, &names[wander.step()]);
                found.borrow_mut()[at].check(&read, &seen, 1, 1);
                Ok(())
            }))
        });
        let mut taken = self.alternate(ROUNDS, sides.collect());
        note_fewer(&mut taken, &made, count);
        self.watched(&found);
        let title = "Find one of 100,000 tables and read its row";
        self.enter("tables_find", title, Unit::Nanoseconds, Kind::Read, taken);

        let sides = peers.iter().enumerate().map(|(at, peer)| {
            let (mut session, made) = (peer.session(), made[at]);
            Ok(Box::new(move || {
                let begin = Instant::now();
                let listed = session.list()?;
                let took = begin.elapsed().as_nanos() as f64;
                if listed == made { Ok(took / made as f64) } else { Err("not all are listed")? }
            }) as Turn<'_>)
        });
        let mut taken = self.alternate(15, sides.collect());
        note_fewer(&mut taken, &made, count);
        let title = "List the names of 100,000 tables: each";
        self.enter("tables_list", title, Unit::Nanoseconds, Kind::Read, taken);
    }

    /// Reads all of a large table.
    pub fn full_scan(&mut self) {
        let batches = self.size(153, 2);
        let rows = batches * BATCH_ROWS;
        let batch = rows_of(1, BATCH_ROWS);
        let peers = open_all(self);
        let name = Name::nth(0);
        let found = RefCell::new(vec![Anomalies::default(); peers.len()]);
        let sides = peers.iter().enumerate().map(|(at, peer)| {
            let mut session = peer.session();
            for number in 0..batches {
                let done = match number {
                    0 => session.overwrite(&name, &batch),
                    _ => session.append(&name, &batch),
                };
                done.map_err(|failure| failure.to_string())?;
            }
            let (name, found) = (&name, &found);
            Ok(Box::new(move || {
                let begin = Instant::now();
                let (read, seen) = read_of(&mut *session, name);
                let took = begin.elapsed().as_nanos() as f64;
                found.borrow_mut()[at].check(&read, &seen, rows, 1);
                read.map(|_| took)
            }) as Turn<'_>)
        });
        let taken = self.alternate(15, sides.collect());
        self.watched(&found.into_inner());
        let title = "Scan 10,027,008 rows, one of three columns summed, one compared";
        self.enter("scan", title, Unit::Nanoseconds, Kind::Read, taken);
    }

    /// Opens an empty store, writes a first table and reads it.
    pub fn cold_start(&mut self) {
        let batch = rows_of(1, 10);
        let name = Name::nth(0);
        let found = RefCell::new(vec![Anomalies::default(); self.contestants.len()]);
        let sides = self.contestants.iter().enumerate().map(|(at, contestant)| {
            let (batch, name, found) = (&batch, &name, &found);
            Ok(paced(self.smoke, move |_| {
                let peer = (contestant.open)();
                let mut session = peer.session();
                session.overwrite(name, batch)?;
                let (read, seen) = read_of(&mut *session, name);
                found.borrow_mut()[at].check(&read, &seen, 10, 1);
                Ok(())
            }))
        });
        let taken = self.alternate(ROUNDS, sides.collect());
        self.watched(&found.into_inner());
        let title = "Open an empty store, write a first table, read it, close";
        self.enter("cold_start", title, Unit::Nanoseconds, Kind::Other, taken);
    }

    /// Adds what was counted while a question was asked.
    pub(super) fn watched(&mut self, found: &[Anomalies]) {
        for (sum, found) in self.results.anomalies.iter_mut().zip(found) {
            sum.add(found);
        }
    }
}

/// Says of whom fewer tables were asked.
fn note_fewer(taken: &mut [Rounds], made: &[usize], count: usize) {
    for (taken, made) in taken.iter_mut().zip(made).filter(|(_, made)| **made < count) {
        if let Ok((_, note)) = taken {
            *note = Some(format!("of {made}"));
        }
    }
}
