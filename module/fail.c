// SPDX-License-Identifier: GPL-2.0
/*
 * Failures on demand.
 *
 * Two ways: the module parameter fail_nth (the Nth attempt from now on fails,
 * once), which is there in every kernel, and the kernel's fault injection under
 * fail_ouro/ in debugfs where it is built in.
 */
#include "ouro.h"
#include <linux/atomic.h>
#include <linux/fault-inject.h>
#include <linux/moduleparam.h>
#include "fail.h"

static atomic_t fail_countdown;

#ifdef CONFIG_FAULT_INJECTION
static DECLARE_FAULT_ATTR(fail_attr);
#endif

/**
 * ouro_fail() - whether this attempt to allocate shall fail
 * @size: in bytes
 *
 * Context: Any.
 * Return: true to fail.
 */
bool ouro_fail(size_t size)
{
	if (unlikely(atomic_read(&fail_countdown) > 0) &&
	    atomic_dec_return(&fail_countdown) == 0)
		return true;
#ifdef CONFIG_FAULT_INJECTION
	return should_fail(&fail_attr, size);
#else
	return false;
#endif
}

/* Puts fail_ouro/ into the module's debugfs directory. */
void ouro_fail_init(struct dentry *dir)
{
#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
	fault_create_debugfs_attr("fail_ouro", dir, &fail_attr);
#endif
}

static int fail_nth_set(const char *val, const struct kernel_param *kp)
{
	unsigned int nth;
	int err = kstrtouint(val, 0, &nth);

	if (err)
		return err;
	if (nth > INT_MAX)
		return -EINVAL;
	atomic_set(&fail_countdown, nth);
	return 0;
}

static int fail_nth_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n",
			  max(atomic_read(&fail_countdown), 0));
}

static const struct kernel_param_ops fail_nth_ops = {
	.set = fail_nth_set,
	.get = fail_nth_get,
};

module_param_cb(fail_nth, &fail_nth_ops, NULL, 0600);
MODULE_PARM_DESC(fail_nth,
		 "the Nth allocation the module makes from now on fails once (tests)");
