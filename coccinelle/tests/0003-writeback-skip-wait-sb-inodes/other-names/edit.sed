# The locals have other names.
s/\binode\b([^_])/vnode\1/g
s/struct vnode/struct inode/g
s/\bmapping\b([^_])/as\1/g
