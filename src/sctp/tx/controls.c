/* controls: which control has which number. */
#include "sctp/tx/cc.h"

#include "sluice/sctp.h"

const struct cc_ops *cc_by_number(unsigned number) {
	static const struct cc_ops *const controls[] = {
		[SLUICE_CC_NEWRENO] = &cc_newreno,
		[SLUICE_CC_CUBIC] = &cc_cubic,
		[SLUICE_CC_BBR] = &cc_bbr,
		[SLUICE_CC_LOW_DELAY] = &cc_low_delay,
	};
	return number < sizeof controls / sizeof *controls ? controls[number] : NULL;
}
