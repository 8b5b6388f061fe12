"""From rules, packs and two catalogs to a plan, and from the plan to SQL. No I/O, no clock, no driver."""
