# The argument and the locals have other names.
s/\binode\b([^_])/host\1/g
s/struct host/struct inode/g
s/\bfc\b/conn/g
s/\bfi\b/own/g
