"""python -m rewardsearch"""

from rewardsearch.cli import main

main()
