/* SPDX-License-Identifier: GPL-2.0 */
/* Faults of the harness's own calls, one a run, chosen by the environment. */
#ifndef FUSEWB_FAULTS_H
#define FUSEWB_FAULTS_H

/*
 * FUSEWB_FAULT is one of
 *	CALL:N		the Nth call of that function fails, in whatever process
 *	CALL:N+		so do all after it
 *	server:OPCODE	the server dies when it has read such a request, in a
 *			test that calls fault_server()
 *	NAME		as faults.c says
 */
void fault_server(void);
/* Say our number to who runs this, so that somebody else can get it. */
void fault_hand_over_pid(void);

#endif
