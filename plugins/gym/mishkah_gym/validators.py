"""What a gym's rows must obey beyond their schema: every rule, on one page."""

from collections.abc import Mapping, Sequence

from mishkah import Validator
from mishkah_gym import money, people, sales, subscriptions, visits
from mishkah_gym.reading import is_in_a_known_time_zone

VALIDATORS: Mapping[str, Sequence[Validator]] = {
    "gym_config": [is_in_a_known_time_zone],
    "staff": [people.has_a_name],
    "gym_member": [people.has_a_name, people.has_a_way_to_be_reached],
    "membership_subscription": [
        subscriptions.ends_after_it_starts,
        sales.is_on_sale("plan_id", "membership_plan", subscriptions.OPEN),
        subscriptions.is_the_only_active_one,
        subscriptions.says_when_it_is_frozen,
        subscriptions.is_frozen_as_its_plan_allows,
        people.stays_with_its_member(
            "subscription_id", "payment_transaction", "attendance", "reminder"
        ),
        money.costs_what_was_paid("subscription_id"),
    ],
    "service_transaction": [
        sales.a_sale_adds_up,
        sales.is_on_sale("service_id", "service", {"open"}),
        sales.is_led_by_a_trainer,
        sales.is_used_within_what_was_sold,
        sales.is_valid_after_its_sale,
        people.stays_with_its_member("service_transaction_id", "payment_transaction"),
        money.costs_what_was_paid("service_transaction_id"),
    ],
    "payment_transaction": [
        money.is_for_one_thing,
        people.is_the_members_own("subscription_id", "membership_subscription"),
        people.is_the_members_own("service_transaction_id", "service_transaction"),
        money.is_not_above_what_is_due,
        money.is_in_the_gyms_currency,
    ],
    "attendance": [
        people.is_the_members_own("subscription_id", "membership_subscription"),
        visits.is_not_suspended,
        visits.has_a_subscription_that_lets_in,
        visits.leaves_after_entering,
        visits.says_when_it_ended,
        visits.is_inside_once,
        visits.there_is_room,
    ],
    "reminder": [
        people.is_the_members_own("subscription_id", "membership_subscription"),
        people.can_be_delivered,
        people.says_when_it_was_sent,
    ],
    "revenue_report": [money.a_report_adds_up, money.is_not_closed],
}
"""table → its validators, in the order that their refusals are read in."""
