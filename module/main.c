// SPDX-License-Identifier: GPL-2.0
/*
 * ouro: heaps of blocks and objects for kernel modules.
 */
#include "ouro.h"
#include <linux/init.h>
#include "arena.h"
#include "class.h"
#include "collector.h"
#include "debugfs.h"
#include "heap.h"
#include "kind.h"
#include "large.h"
#include "address.h"
#include "pool.h"
#include "pressure.h"
#include "reap.h"
#include "site.h"
#include "sparse.h"
#include "weak.h"

struct workqueue_struct *ouro_wq;

OURO_SLOW_MAP;

static int __init ouro_init(void)
{
	int err = -ENOMEM;

	ouro_pool_init();
	ouro_geometry_init();
	ouro_sites_init();
	ouro_wq = alloc_workqueue("ouro", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!ouro_wq)
		return -ENOMEM;
	err = ouro_reap_init();
	if (err)
		goto destroy_wq;
	err = ouro_collector_start();
	if (err)
		goto exit_reap;
	err = ouro_magazine_init();
	if (err)
		goto exit_collector;
	ouro_sparse_init();
	err = ouro_pressure_init();
	if (err)
		goto exit_magazine;
	err = ouro_heap_init();
	if (err)
		goto exit_pressure;
	ouro_debugfs_init();
	return 0;

exit_pressure:
	ouro_pressure_exit();
exit_magazine:
	ouro_magazine_exit();
exit_collector:
	ouro_collector_exit();
exit_reap:
	ouro_reap_exit();
destroy_wq:
	destroy_workqueue(ouro_wq);
	return err;
}

static void __exit ouro_exit(void)
{
	ouro_debugfs_exit();
	ouro_heap_exit();
	ouro_sparse_exit();
	ouro_pressure_exit();
	rcu_barrier();
	srcu_barrier(&ouro_array_readers);
	ouro_large_exit();
	ouro_arena_exit();
	ouro_magazine_exit();
	ouro_collector_exit();
	ouro_reap_exit();
	destroy_workqueue(ouro_wq);
	ouro_weak_exit();
	ouro_address_exit();
}

module_init(ouro_init);
module_exit(ouro_exit);
MODULE_DESCRIPTION("Heaps of blocks and objects for kernel modules");
MODULE_AUTHOR("The Ouro maintainers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
