#!/bin/sh
# SPDX-License-Identifier: MIT
# An order at a shop: three hosts, each with its own clock and log. The tokens travel with the messages, here in variables.
# usage: three_hosts.sh FOLDER
set -eu
cd "$1"
on() { host=$1 verb=$2; shift 2; dclock "$verb" --clock "$host.clock" --host "$host" --log "$host.log" "$@"; }

on web event 'order 7 comes in'
reserve=$(on web send 'ask the stock for 2 lamps')
on mail event 'newsletter goes out'
on stock recv "$reserve" 'reserve 2 lamps'
answer=$(on stock send 'lamps are reserved')
on stock event 'order more lamps'
on web recv "$answer" 'lamps are ours'
confirm=$(on web send 'ask for a letter')
charge=$(on web send 'tell the stock to ship')
on mail recv "$confirm" 'write the letter'
on stock recv "$charge" 'ship 2 lamps'
shipped=$(on stock send 'lamps are on their way')
on mail recv "$shipped" 'add the parcel number'
on mail event 'letter is sent'
