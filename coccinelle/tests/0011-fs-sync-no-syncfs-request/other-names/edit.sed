# The arguments and locals have other names.
s/\bsb\b([^_])/super\1/g
s/\bfc\b([^_])/conn\1/g
s/fm->conn/fm->fc/g
s/\bctx\b/context/g
