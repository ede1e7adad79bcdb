.set STEP, 3
