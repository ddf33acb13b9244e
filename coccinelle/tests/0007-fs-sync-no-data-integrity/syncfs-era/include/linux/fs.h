/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_FS_H
#define _LINUX_FS_H

struct kiocb {
	struct file		*ki_filp;
	loff_t			ki_pos;
};

#define SB_RDONLY       BIT(0)	/* Mount read-only */
#define SB_I_VERSION    BIT(23)	/* Update inode I_version field */

/* sb->s_iflags */
#define SB_I_CGROUPWB	0x00000001	/* cgroup-aware writeback enabled */
#define SB_I_NOEXEC	0x00000002	/* Ignore executables on this fs */

/* sb->s_iflags to limit user namespace mounts */
#define SB_I_USERNS_VISIBLE		0x00000010 /* fstype already mounted */

#define SB_I_SKIP_SYNC	0x00000100	/* Skip superblock at global sync */
#define SB_I_RETIRED	0x00000800	/* superblock shouldn't be reused */

struct super_block {
	unsigned long		s_iflags;	/* internal SB_I_* flags */
	struct backing_dev_info	*s_bdi;
};

#endif /* _LINUX_FS_H */
