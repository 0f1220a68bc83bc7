"""Which table is judged by what; types, references and limits are the schema's."""

from collections.abc import Mapping, Sequence

from mishkah import Validator
from mishkah_pos import bills, payments, service, shifts

VALIDATORS: Mapping[str, Sequence[Validator]] = {
    "shift": [
        shifts.stays_closed,
        shifts.is_the_terminals_only_one,
        shifts.closes_in_time,
        shifts.closes_with_its_orders,
        shifts.counts_its_cash,
    ],
    "cash_movement": [
        shifts.is_in_an_open_shift,
        shifts.stays_in_its_shift("kind", "amount"),
    ],
    "reservation": [service.ends_after_it_starts, service.has_the_table_to_itself],
    "order_header": [
        shifts.is_in_an_open_shift,
        shifts.stays_in_its_shift(),
        service.moves_on_sensibly,
        service.goes_to_an_address_of_its_customer,
        bills.keeps_a_settled_bill,
        bills.adds_up,
        bills.agrees_with_its_lines,
        payments.is_not_overpaid,
        payments.is_paid_when_it_closes,
    ],
    "order_line": [
        bills.has_a_price_of_its_item,
        bills.suits_its_modifiers,
        bills.sums_its_modifiers,
        bills.costs_what_it_says,
        bills.leaves_a_settled_bill_alone,
        bills.is_in_its_orders_subtotal,
    ],
    "order_line_modifier": [bills.is_offered_with_the_item, bills.is_in_its_lines_extras],
    "payment": [
        shifts.is_in_an_open_shift,
        shifts.stays_in_its_shift("method_id", "amount"),
        payments.is_owed,
        payments.says_what_was_paid_back,
    ],
    "refund": [
        shifts.is_in_an_open_shift,
        shifts.stays_in_its_shift("payment_id", "amount"),
        payments.is_part_of_its_payment,
    ],
    "order_status_log": [service.logs_a_step],
    "kitchen_job_line": [service.is_a_line_of_its_order],
}
"""table → its validators, in the order that their refusals are read in."""
