# Nothing has this name.
s/no_such_thing/other/
