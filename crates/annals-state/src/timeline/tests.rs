//! Expiry, tags and time travel on a timeline.
