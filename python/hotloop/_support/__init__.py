"""What every room needs and none owns: checks of arguments, wording of errors, archives, atomic files, lazy names."""
