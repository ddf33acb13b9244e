# The name that mainline's flag had while it was posted for review.
s/AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM/AS_WRITEBACK_INDETERMINATE/
s/writeback_may_deadlock_on_reclaim/writeback_indeterminate/
