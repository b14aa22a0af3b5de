"""What each verb answers: one file per verb. `--json` prints these; docs/json holds their schemas."""
