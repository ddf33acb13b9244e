# The locals have other names, and the file other white space.
s/\bmapping\b/as/g
s/\bfolio\b([^)]*\))/f\1/g
s/struct folio \*folio;/struct folio *f;/
s/\bfolio (=)/f \1/
s/&folio->/\&f->/g
s/\(folio\)/(f)/g
s/\bfolio,/f,/g
s/may_enter_fs\(f, sc->gfp_mask\)\)/may_enter_fs(f,sc->gfp_mask) )/
