# The locals and the label have other names.
s/\bfailed_removal_isolated\b/undo/
s/\breason\b/why/
s/\bret\b/error/g
s/&source/\&left/g
s/LIST_HEAD\(source/LIST_HEAD(left/
