"""The built-in targets of `rewardsearch export --to`: one file each, with a class `Target`. The name of the file is that of the
target, with `-` for `_`."""
