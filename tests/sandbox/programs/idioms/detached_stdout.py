# class: idiom
# about: Detaches the buffers of its standard streams
# case: ["3 4\n", "12 done"]
import io
import sys

data = sys.stdin.detach().read().split()
out = sys.stdout.detach()
out.write(b"%d " % (int(data[0]) * int(data[1])))
out.flush()
text = io.TextIOWrapper(out, write_through=True)
text.write("done\n")
