/* Every array that passes between Python and the kernel, by name and axes: the one list that both sides read.
 *
 * Axes are letters: T days, R regions, S segments, L lifecycle buckets, C channels, H dayparts, K currencies, G customer
 * types, J known buckets, M mechanics, P synergy pairs, Q places of sale, F import fees, I products among items,
 * W windowed channels, A days of their window, N days to arrival of stock, D stages
 * of the memory of deals, V money terms without media, O places of sale that are told apart (none where there is one),
 * E prospects and known customers. The market's arrays lie in memory as C lays them out, the last axis innermost; those
 * of worlds the other way round, worlds innermost, then the first axis. */

#ifndef XBOPT_FIELDS_H
#define XBOPT_FIELDS_H

#define SIZES(X) X(T) X(R) X(S) X(L) X(C) X(H) X(K) X(G) X(J) X(M) X(P) X(Q) X(F) X(I) X(W) X(A) X(N) X(D) \
    X(V) X(O) X(E)

/* What the market is: the same in all worlds. */
#define MARKET_FIELDS(X) \
    X(demand, "TR") X(cpm, "TR") X(price_sensitivity, "TR") X(event_strength, "TR") X(usual_deal, "TR") \
    X(deal_share, "TR") X(deal_in_lift, "TR") X(daypart_activity, "TRH") \
    X(tax_frac, "TR") X(tax_free_base, "TRS") X(tax_on_duty, "TR") X(untaxed_duty_base, "TRS") \
    X(threshold_base, "TRS") X(shipping_counts, "TR") X(by_item, "TR") X(flat_duty_base, "TRS") \
    X(ad_valorem_frac, "TRS") X(surcharge_frac, "TRS") X(shipping_dutiable, "TR") X(refunds_shipping, "TR") \
    X(dutiable, "R") X(rule_currency, "R") X(fee_base, "FTRS") X(fee_is_low_value, "F") X(fee_currency, "FR") \
    X(item_price_ratio, "IS") X(item_share, "IS") \
    X(competitor_shock, "TR") X(delay_days, "TR") X(fx_shock, "TK") X(sentiment_shock, "TR") \
    X(fx_keep, "K") X(fx_sd, "K") X(jump_chance, "K") X(jump_log, "K") X(fx_shift, "TK") X(region_currency, "R") \
    X(competitor_keep, "R") X(competitor_noise, "R") X(congestion_keep, "R") X(congestion_noise, "R") \
    X(congestion_shift, "TR") X(sentiment_keep, "R") X(sentiment_noise, "R") X(sentiment_start, "R") \
    X(media_price_keep, "") X(media_price_noise, "") X(media_price_shift, "T") \
    X(price_base, "RC") X(reference_base, "RSC") X(ceiling, "RSC") X(reach, "CL") X(contact, "C") \
    X(daypart_effect, "RCH") X(daypart_supply, "RCH") X(windowed, "W") X(slope, "C") X(exponential, "C") \
    X(half, "C") X(fatigue_limit, "C") X(fatigue_exponent, "C") X(fatigue_keep, "C") \
    X(pair_first, "P") X(pair_second, "P") X(synergy, "P") X(pair_reach, "PL") \
    X(visits_per_head, "RS") X(cart_rate, "RS") X(checkout_rate, "RS") X(landed_elasticity, "RS") \
    X(competitor_elasticity, "RS") X(deal_gain, "RS") X(log_delay_keep, "RS") X(sentiment_sensitivity, "RS") \
    X(repurchase_effect, "RS") X(surprise, "R") X(customer_pays_duty, "R") X(shock_variance, "") \
    X(uptake, "M") X(appeal, "M") X(mechanic_basket, "M") X(borrowing, "M") X(prospect_share, "M") \
    X(borrowed_frac, "") X(switched_frac, "") X(own_frac, "") X(payback, "") X(largest_cut, "") X(paid_in_time, "") \
    X(weeks_left, "") X(deal_keep, "") X(comes_again, "RS") \
    X(goods_price_base, "RS") X(cost_base, "RS") X(basket_cv, "RS") X(log_sd, "RS") X(return_days, "RS") \
    X(charged_base, "R") X(shipping_base, "R") X(handling_base, "R") X(resale_frac, "R") X(pass_through, "R") \
    X(sold_here, "QC") X(organic_frac, "Q") X(place_basket, "Q") X(platform_frac, "QR") X(fee_on_gross, "QR") \
    X(platform_fixed_base, "QR") X(payment_frac, "QR") X(payment_fixed_base, "QR") \
    X(type_share, "SG") X(promotion_share, "SG") X(type_visits_per_head, "RSG") X(customer_readiness, "S") \
    X(dropout, "SG") X(ageing, "SJ") X(satisfaction_start, "S") X(satisfaction_keep, "S") X(late_day_penalty, "S") \
    X(stock_out_penalty, "S") X(churn_effect, "S") X(contact_effect, "S") X(births, "") \
    X(usual_days, "R") X(accepted_days, "R") X(limited, "R") X(any_limited, "") X(lead_days, "R") X(cover_days, "R") \
    X(segment_by_id, "S")

/* What may differ by world: multipliers, and parameters that follow from them. Any axis may have length 1 instead. */
#define WORLD_FIELDS(X) \
    X(elasticity, "RS") X(conversion, "RS") X(customer_conversion, "RS") X(organic_traffic, "RS") X(order_value, "RS") \
    X(media_response, "RSC") X(half_saturation, "RSC") X(media_price, "RSC") X(bid_up, "C") X(quality, "C") \
    X(retention, "RSC") X(fatigue, "RSC") X(synergy_factor, "") X(event_lift, "R") X(deal_gain_factor, "RS") \
    X(reference_keep, "RS") X(pull_forward, "") X(dropout_factor, "RS") X(return_rate, "RS") X(unit_cost, "RS") \
    X(shipping_cost, "R") X(delivery, "R") X(usual_price, "RS") X(window_weight, "RSAW")

/* Where the market stands, read in the morning and written for the next one. */
#define STATE_FIELDS(X) \
    X(fx_log, "K") X(competitor_log, "R") X(congestion_log, "R") X(sentiment, "R") X(media_price_log, "R") \
    X(customers, "RSL") X(living, "RSGJ") X(carried, "RSC") X(frequency, "RSC") \
    X(reference_log, "RS") X(remembered_deal, "RSD") X(borrowed_orders, "RS") X(satisfaction, "RS") \
    X(stock, "R") X(on_order, "RN") X(usual_demand, "R") X(in_transit, "RS") X(returning, "RS") \
    X(budget_left, "") X(region_left, "R") X(channel_left, "C")

/* What is decided: of every world, or of one that stands for all. */
#define DECISION_FIELDS(X) X(spend, "RSC") X(daypart, "RCH") X(discount, "RS") X(mechanic, "RS")

/* The day's random numbers, normals first; no random numbers play the expected mode. */
#define DRAW_FIELDS(X) \
    X(z_fx, "K") X(z_competitor, "R") X(z_congestion, "R") X(z_sentiment, "R") X(z_media_price, "R") X(z_shock, "RS") \
    X(z_basket, "RS") X(u_jump, "K") X(u_orders, "RSL") X(u_carts, "RS") X(u_browsing, "RS") X(u_returns, "RS")

/* What the day brought. */
#define OUTCOME_FIELDS(X) \
    X(visits, "RS") X(carts, "RS") X(orders, "RSL") X(lost_orders, "RS") X(returns, "RS") X(returns_due, "RS") \
    X(known_customers, "RS") X(impressions, "RSC") X(delivery_days, "R") X(capped, "RS") \
    X(gross_revenue, "RS") X(given_discount, "RS") X(tax, "RS") X(refunds, "RS") X(fx_effect, "RS") X(goods, "RS") \
    X(shipping, "RS") X(duty, "RS") X(payment_fees, "RS") X(platform_fees, "RS") X(return_handling, "RS") \
    X(media_spend, "RS") X(place_orders, "RSLO") X(place_money, "RSVO") \
    X(bump, "RS") X(borrowed, "RS") X(switched, "RS") X(repaid, "RS") X(taken, "RS") X(expected_visits, "RS")

/* What came by channel, and who a bucket's orders come from; each written where it is asked for. */
#define CHANNEL_FIELDS(X) X(channel_visits, "RSC") X(channel_orders, "RSC")

#define DETAIL_FIELDS(X) \
    X(contact_kept, "RS") X(quality_visits, "RSL") X(quality_people, "RSL") X(strangers, "RSL") X(by_media, "RSL") \
    X(by_stranger, "RS") X(readiness, "RS") X(by_discount, "RSE")

#endif
