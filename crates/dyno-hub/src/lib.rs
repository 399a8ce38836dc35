//! Models from elsewhere: hub client, resuming downloads, and the cache they live in.
