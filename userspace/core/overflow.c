/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/overflow.h"

#include <string.h>

#include "core/conf_value.h"

static bool fits(const char pattern[3], uint16_t status)
{
	char digits[3] = { (char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10) };

	for (int i = 0; i < 3; i++)
		if (pattern[i] != 'X' && pattern[i] != digits[i])
			return false;
	return true;
}

bool overflow_parse(const char *text, uint64_t ret[OVERFLOW_WORDS])
{
	if (!value_is_codes(text))
		return false;
	memset(ret, 0, OVERFLOW_WORDS * sizeof(*ret));
	if (!text[0])
		text = "503";
	for (;; text += 4) {
		for (uint16_t status = OVERFLOW_FIRST; status <= OVERFLOW_LAST; status++)
			if (fits(text, status))
				ret[(status - OVERFLOW_FIRST) / 64] |= 1ULL << (status - OVERFLOW_FIRST) % 64;
		if (!text[3])
			return true;
	}
}

bool overflow_has(const uint64_t set[OVERFLOW_WORDS], uint16_t status)
{
	uint32_t bit = (uint32_t)status - OVERFLOW_FIRST;

	return status >= OVERFLOW_FIRST && status <= OVERFLOW_LAST && set[bit / 64] >> bit % 64 & 1;
}
