"""Where the jobs of a search are carried out: `local` runs them in processes of this machine."""
