/* controls: which control has which number. */
#include "sctp/tx/cc.h"

#include "sluice/sctp.h"

/* Without a default, so that the compiler names an enumerator that has no control. */
const struct cc_ops *cc_by_number(unsigned number) {
	switch ((enum sluice_cc)number) {
	case SLUICE_CC_DEFAULT:
		return NULL;
	case SLUICE_CC_NEWRENO:
		return &cc_newreno;
	case SLUICE_CC_CUBIC:
		return &cc_cubic;
	case SLUICE_CC_RFC9438:
		return &cc_rfc9438;
	case SLUICE_CC_BBR:
		return &cc_bbr;
	case SLUICE_CC_LOW_DELAY:
		return &cc_low_delay;
	}
	return NULL;
}
