(* pareto-overlap-below-one, pareto-overlap-monotone, for finite laws (docs/theory.md, The elasticity theorem, Pareto masses).
   The contained overlap of three independent draws X, Y, Z of a positive mass is o = 3 E[YZ/(X+Y+Z)] / E[X]. More unequal laws, in
   Lorenz order, have a lower one: they are more elastic. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv.
Open Scope R_scope.

Definition f x y z := (x*y + y*z + z*x) / (x + y + z).
Definition df x y z := ((y + z) * (y + z) - y * z) / ((x + y + z) * (x + y + z)).
(* concave on the positive reals, with its slope at each point *)
Definition concave (g s : R -> R) := forall x x0, 0 < x -> 0 < x0 -> g x <= g x0 + s x0 * (x - x0).
Lemma f_concave y z : 0 < y -> 0 < z -> concave (fun x => f x y z) (fun x => df x y z).
Proof.
  intros Hy Hz x x0 H H0. unfold f, df. apply by_gap.
  replace (_ - _) with (((y+z)*(y+z) - y*z) * Rsqr (x-x0) / ((x+y+z)*((x0+y+z)*(x0+y+z)))) by (unfold Rsqr; field; lra).
  assert (0 <= (y+z)*(y+z) - y*z) by nra. assert (0 < x+y+z) by lra. assert (0 < x0+y+z) by lra. nonneg.
Qed.
(* a law spread out about its own values, by the probabilities K, has a lower overlap, and by how much *)
Theorem pareto_overlap_monotone_spread (A B : nat) (K : nat -> nat -> R) (x wide q : nat -> R) (y z : R) : 0 < y -> 0 < z ->
  (forall a, (a < A)%nat -> 0 <= q a) -> (forall a b, (a < A)%nat -> (b < B)%nat -> 0 <= K a b) -> (forall a, (a < A)%nat -> 0 < x a) ->
  (forall b, (b < B)%nat -> 0 < wide b) -> (forall a, (a < A)%nat -> (Σ b < B, K a b) = 1) ->
  (forall a, (a < A)%nat -> (Σ b < B, K a b * wide b) = x a) -> let g u := (u * y + y * z + z * u) / (u + y + z) in
  (Σ a < A, q a * g (x a)) - (Σ a < A, q a * Σ b < B, K a b * g (wide b)) = (Σ a < A, Σ b < B, q a * K a b *
    ((y * y + y * z + z * z) * Rsqr (wide b - x a) / ((wide b + y + z) * ((x a + y + z) * (x a + y + z))))) /\
  (Σ a < A, q a * Σ b < B, K a b * g (wide b)) <= Σ a < A, q a * g (x a).
Proof.
  intros Y Z Q N X W unit centred g.
  assert (E : (Σ a < A, q a * g (x a)) - (Σ a < A, q a * Σ b < B, K a b * g (wide b)) = Σ a < A, Σ b < B, q a * K a b *
    ((y * y + y * z + z * z) * Rsqr (wide b - x a) / ((wide b + y + z) * ((x a + y + z) * (x a + y + z))))).
  { rewrite <- Sum_minus. apply Sum_ext. intros a Ha. specialize (X a Ha).
    assert (leaf : forall b, (b < B)%nat -> q a * K a b * ((y * y + y * z + z * z) * Rsqr (wide b - x a) /
      ((wide b + y + z) * ((x a + y + z) * (x a + y + z)))) = (q a * (g (x a) - df (x a) y z * x a)) * K a b +
      (q a * df (x a) y z) * (K a b * wide b) - q a * (K a b * g (wide b))).
    { intros b Hb. specialize (W b Hb). unfold g, df, Rsqr. field. lra. }
    sum B leaf as S. rewrite unit, centred in S by auto. rewrite S. ring. }
  split; [exact E|]. assert (0 <= Σ a < A, Σ b < B, q a * K a b *
    ((y * y + y * z + z * z) * Rsqr (wide b - x a) / ((wide b + y + z) * ((x a + y + z) * (x a + y + z))))); [|lra].
  apply Sum_nonneg. intros a Ha. apply Sum_nonneg. intros b Hb. specialize (X a Ha). specialize (W b Hb). specialize (Q a Ha).
  specialize (N a b Ha Hb). assert (0 < wide b + y + z) by lra. assert (0 < x a + y + z) by lra. nonneg.
Qed.
Lemma f_last x y z : f x y z = f z x y. Proof. unfold f. f_equal; ring. Qed.
Lemma f_middle x y z : f x y z = f y z x. Proof. unfold f. f_equal; ring. Qed.
Lemma slope_falls g s x y : concave g s -> 0 < x -> 0 < y -> x <= y -> s y <= s x.
Proof. intros C X Y [L|<-]; [|lra]. pose proof (C x y X Y). pose proof (C y x Y X). nra. Qed.

(* a law with n atoms: mass x i with probability w i *)
Section Laws.
Variables (n : nat) (w : nat -> R).
Hypothesis w_nonneg : forall i, (i < n)%nat -> 0 <= w i.
Definition mean (x : nat -> R) (g : R -> R) := Σ i < n, w i * g (x i).
Definition overlap3 (x : nat -> R) := 3 * (Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * (x b * x c / (x a + x b + x c))) / Σ a < n, w a * x a.

(* --- sums over three draws in any order --- *)
Lemma cycle (T : nat -> nat -> nat -> R) : (Σ a < n, Σ b < n, Σ c < n, T b c a) = Σ a < n, Σ b < n, Σ c < n, T a b c.
Proof. rewrite Sum_swap. apply Sum_ext. intros b _. rewrite Sum_swap. reflexivity. Qed.
Lemma mean_three x (g : R -> R -> R -> R) :
  mean x (fun a => mean x (fun b => mean x (fun c => g a b c))) = Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * g (x a) (x b) (x c).
Proof.
  apply Sum_ext. intros a _. unfold mean. rewrite <- Sum_scal. apply Sum_ext. intros b _. rewrite <- !Sum_scal. apply Sum_ext. intros; ring.
Qed.
Lemma f_cycle x : (forall i, (i < n)%nat -> 0 < x i) ->
  mean x (fun a => mean x (fun b => mean x (fun c => f a b c))) = 3 * Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * (x b * x c / (x a + x b + x c)).
Proof.
  intros P. rewrite mean_three. set (T a b c := w a * w b * w c * (x b * x c / (x a + x b + x c))).
  transitivity ((Σ a < n, Σ b < n, Σ c < n, T a b c) + (Σ a < n, Σ b < n, Σ c < n, T b c a) + Σ a < n, Σ b < n, Σ c < n, T c a b).
  - rewrite <- !Sum_plus. apply Sum_ext. intros a Ha. rewrite <- !Sum_plus. apply Sum_ext. intros b Hb. rewrite <- !Sum_plus. apply Sum_ext.
    intros c Hc.
    pose proof (P a Ha). pose proof (P b Hb). pose proof (P c Hc). unfold T, f. field. lra.
  - rewrite (cycle T), (cycle (fun b c a => T c a b)), (cycle T). unfold T. ring.
Qed.

(* --- below one, with the gap --- *)
Section BelowOne.
Variable x : nat -> R.
Hypothesis x_pos : forall i, (i < n)%nat -> 0 < x i.
Hypothesis unit : Sum n w = 1.
Let gap a b c := w a * w b * w c * (Rsqr (x a - x b) / (2 * (x a + x b + x c))).
Theorem pareto_overlap_below_one :
  (Σ a < n, w a * x a) - 3 * (Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * (x b * x c / (x a + x b + x c)))
    = (Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * (Rsqr (x a - x b) / (2 * (x a + x b + x c)))) /\
  overlap3 x <= 1 /\ (forall i j, (i < n)%nat -> (j < n)%nat -> 0 < w i -> 0 < w j -> x i <> x j -> overlap3 x < 1).
Proof.
  assert (G0 : forall a b c, (a < n)%nat -> (b < n)%nat -> (c < n)%nat -> 0 <= gap a b c).
  { intros a b c Ha Hb Hc. unfold gap. pose proof (x_pos a Ha). pose proof (x_pos b Hb). pose proof (x_pos c Hc).
    pose proof (w_nonneg a Ha). pose proof (w_nonneg b Hb). pose proof (w_nonneg c Hc). assert (0 < 2 * (x a + x b + x c)) by lra. nonneg. }
  assert (E : (Σ a < n, w a * x a) - 3 * (Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * (x b * x c /
    (x a + x b + x c))) = Σ a < n, Σ b < n, Σ c < n, gap a b c).
  { rewrite <- f_cycle, mean_three by auto.
    assert (M : (Σ a < n, w a * x a) = Σ a < n, Σ b < n, Σ c < n, w a * w b * w c * x a).
    { apply Sum_ext. intros a _. transitivity (Σ b < n, (w a * x a) * w b); [rewrite Sum_scal, unit; ring|]. apply Sum_ext. intros b _.
      transitivity (Σ c < n, (w a * w b * x a) * w c); [rewrite Sum_scal, unit; ring|]. apply Sum_ext. intros; ring. }
    set (U a b c := w a * w b * w c * x a).
    assert (M3 : 3 * (Σ a < n, w a * x a) = (Σ a < n, Σ b < n, Σ c < n, U a b c) +
      (Σ a < n, Σ b < n, Σ c < n, U b c a) + Σ a < n, Σ b < n, Σ c < n, U c a b).
    { rewrite (cycle U), (cycle (fun b c a => U c a b)), (cycle U). rewrite M. unfold U. ring. }
    assert (G3 : 3 * (Σ a < n, Σ b < n, Σ c < n, gap a b c) = (Σ a < n, Σ b < n, Σ c < n, gap a b c) +
      (Σ a < n, Σ b < n, Σ c < n, gap b c a) + Σ a < n, Σ b < n, Σ c < n, gap c a b).
    { rewrite (cycle gap), (cycle (fun b c a => gap c a b)), (cycle gap). ring. }
    apply (Rmult_eq_reg_l 3); [|lra]. rewrite Rmult_minus_distr_l, M3, G3, <- !Sum_scal, <- !Sum_plus, <- Sum_minus.
    apply Sum_ext. intros a Ha. rewrite <- !Sum_scal, <- !Sum_plus, <- Sum_minus. apply Sum_ext. intros b Hb.
    rewrite <- !Sum_scal, <- !Sum_plus, <- Sum_minus. apply Sum_ext. intros c Hc.
    pose proof (x_pos a Ha). pose proof (x_pos b Hb). pose proof (x_pos c Hc). unfold U, gap, f, Rsqr. field. lra. }
  split; [exact E|]. assert (P : 0 < Σ a < n, w a * x a) by (apply (mean_pos n w x); auto).
  assert (N : 0 <= Σ a < n, Σ b < n, Σ c < n, gap a b c).
  { apply Sum_nonneg; intros; apply Sum_nonneg; intros; apply Sum_nonneg; intros; apply G0; auto. }
  split.
  - unfold overlap3. apply (Rmult_le_reg_r (Σ a < n, w a * x a)); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  - intros i j Hi Hj Wi Wj D. assert (S : 0 < Σ a < n, Σ b < n, Σ c < n, gap a b c).
    { apply (Sum_pos n _ i); auto; [intros; apply Sum_nonneg; intros; apply Sum_nonneg; intros; apply G0; auto|].
      apply (Sum_pos n _ j); auto; [intros; apply Sum_nonneg; intros; apply G0; auto|].
      apply (Sum_pos n _ i); auto. unfold gap. pose proof (x_pos i Hi). pose proof (x_pos j Hj).
      assert (0 < Rsqr (x i - x j)) by (apply Rsqr_pos_lt; lra). assert (0 < 2 * (x i + x j + x i)) by lra. pos. }
    unfold overlap3. apply (Rmult_lt_reg_r (Σ a < n, w a * x a)); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.
End BelowOne.

(* --- Hardy, Littlewood, Polya: in Lorenz order every concave mean falls ---
   x and y are the quantiles of two laws on a common grid of probabilities w, x rising; the sums are their Lorenz curves. *)
Section Majorize.
Variables x y : nat -> R.
Hypothesis x_pos : forall i, (i < n)%nat -> 0 < x i.
Hypothesis y_pos : forall i, (i < n)%nat -> 0 < y i.
Hypothesis rising : forall i, (S i < n)%nat -> x i <= x (S i).
Hypothesis below : forall k, (k <= n)%nat -> (Σ i < k, w i * y i) <= Σ i < k, w i * x i.
Hypothesis same_mean : (Σ i < n, w i * y i) = Σ i < n, w i * x i.
Lemma abel (s : nat -> R) : (forall i, (S i < n)%nat -> s (S i) <= s i) -> forall k, (S k <= n)%nat ->
  (Σ i < S k, s i * (w i * y i - w i * x i)) <= s k * ((Σ i < S k, w i * y i) - Σ i < S k, w i * x i).
Proof.
  intros F k. induction k as [|k IH]; intros Hk; [simpl; lra|].
  change (Sum (S (S k)) ?g) with (Sum (S k) g + g (S k)). specialize (IH ltac:(lia)). specialize (F k ltac:(lia)).
  pose proof (below (S k) ltac:(lia)) as B.
  set (P := (Σ i < S k, w i * y i)) in *. set (Q := (Σ i < S k, w i * x i)) in *.
  assert (s k * (P - Q) <= s (S k) * (P - Q)) by nra. lra.
Qed.
Lemma concave_mean g s : concave g s -> mean y g <= mean x g.
Proof.
  intros C. destruct (Nat.eq_0_gt_0_cases n) as [Z|Hn]; [unfold mean; rewrite Z; simpl; lra|].
  assert (leaf : forall i, (i < n)%nat -> w i * g (y i) <= w i * g (x i) + s (x i) * (w i * y i - w i * x i)).
  { intros i Hi. pose proof (C (y i) (x i) (y_pos i Hi) (x_pos i Hi)) as T. apply (Rmult_le_compat_l (w i)) in T; auto. lra. }
  sum_le n leaf as T. unfold mean.
  pose proof (abel (fun i => s (x i)) (fun i Hi => slope_falls g s (x i) (x (S i)) C (x_pos i ltac:(lia)) (x_pos (S i) ltac:(lia)) (rising i Hi))
    (pred n) ltac:(lia)) as A.
  replace (S (pred n)) with n in A by lia. rewrite same_mean in A. lra.
Qed.
Lemma mean_le z g h : (forall i, (i < n)%nat -> 0 < z i) -> (forall t, 0 < t -> g t <= h t) -> mean z g <= mean z h.
Proof. intros Z H. apply Sum_le; intros i Hi. apply Rmult_le_compat_l; auto. Qed.
Lemma mean_concave z (g s : R -> R -> R) : (forall i, (i < n)%nat -> 0 < z i) -> (forall t, 0 < t -> concave (fun u => g u t) (fun u => s u t)) ->
  concave (fun u => mean z (g u)) (fun u => mean z (s u)).
Proof.
  intros Z C u u0 H H0. unfold mean.
  assert (leaf : forall i, (i < n)%nat -> w i * g u (z i) <= w i * g u0 (z i) + (u - u0) * (w i * s u0 (z i))).
  { intros i Hi. pose proof (C (z i) (Z i Hi) u u0 H H0) as T. apply (Rmult_le_compat_l (w i)) in T; [lra|auto]. }
  sum_le n leaf as S. lra.
Qed.
(* one draw is replaced at a time *)
Lemma three_draws : mean y (fun a => mean y (fun b => mean y (fun c => f a b c))) <= mean x (fun a => mean x (fun b => mean x (fun c => f a b c))).
Proof.
  apply Rle_trans with (mean y (fun a => mean x (fun b => mean x (fun c => f a b c)))).
  - apply mean_le; auto. intros a Ha. apply Rle_trans with (mean y (fun b => mean x (fun c => f a b c))).
    + apply mean_le; auto. intros b Hb. apply (concave_mean _ (fun c => df c a b)). intros c c0 H H0.
      rewrite (f_last a b c), (f_last a b c0). apply (f_concave a b Ha Hb c c0 H H0).
    + apply (concave_mean _ (fun b => mean x (fun c => df b c a))). apply (mean_concave x (fun b c => f a b c) (fun b c => df b c a)); auto.
      intros c Hc b b0 H H0. rewrite (f_middle a b c), (f_middle a b0 c). apply (f_concave c a Hc Ha b b0 H H0).
  - apply (concave_mean _ (fun a => mean x (fun b => mean x (fun c => df a b c)))).
    apply (mean_concave x (fun a b => mean x (fun c => f a b c)) (fun a b => mean x (fun c => df a b c))); auto. intros b Hb.
    apply (mean_concave x (fun a c => f a b c) (fun a c => df a b c)); auto. intros c Hc. apply f_concave; auto.
Qed.
End Majorize.

(* Any two finite laws: where the Lorenz curve of y lies nowhere above that of x, the overlap of y is not above that of x. *)
Theorem pareto_overlap_monotone_lorenz x y : (forall i, (i < n)%nat -> 0 < x i) -> (forall i, (i < n)%nat -> 0 < y i) -> Sum n w = 1 ->
  (forall i, (S i < n)%nat -> x i <= x (S i)) ->
  (forall k, (k <= n)%nat -> (Σ i < k, w i * y i) / (Σ i < n, w i * y i) <= (Σ i < k, w i * x i) / Σ i < n, w i * x i) ->
  overlap3 y <= overlap3 x.
Proof.
  intros X Y U R B. assert (Px : 0 < Σ i < n, w i * x i) by (apply (mean_pos n w x); auto).
  assert (Py : 0 < Σ i < n, w i * y i) by (apply (mean_pos n w y); auto). set (mx := (Σ i < n, w i * x i)) in *.
  set (my := (Σ i < n, w i * y i)) in *.
  set (c := mx / my). assert (Hc : 0 < c) by (unfold c; pos).
  assert (scale : forall k, (Σ i < k, w i * (c * y i)) = c * Σ i < k, w i * y i) by (intros; rewrite <- Sum_scal; apply Sum_ext; intros; ring).
  pose proof (three_draws x (fun i => c * y i) X) as T. rewrite !f_cycle in T by (auto; intros; apply Rmult_lt_0_compat; auto).
  assert (E : (Σ a < n, Σ b < n, Σ d < n, w a * w b * w d * (c * y b * (c * y d) / (c * y a + c * y b + c * y d)))
    = c * Σ a < n, Σ b < n, Σ d < n, w a * w b * w d * (y b * y d / (y a + y b + y d))).
  { rewrite <- Sum_scal. apply Sum_ext. intros a Ha. rewrite <- Sum_scal. apply Sum_ext. intros b Hb. rewrite <- Sum_scal. apply Sum_ext. intros d Hd.
    pose proof (Y a Ha). pose proof (Y b Hb). pose proof (Y d Hd). field. split; [lra|]. apply pos_not_0.
    replace (c * y a + c * y b + c * y d) with (c * (y a + y b + y d)) by ring. apply Rmult_lt_0_compat; lra. }
  rewrite E in T. clear E. unfold overlap3. fold mx my. unfold Rdiv in T |- *.
  set (Tx := Σ a < n, Σ b < n, Σ d < n, w a * w b * w d * (x b * x d * / (x a + x b + x d))) in *.
  set (Ty := Σ a < n, Σ b < n, Σ d < n, w a * w b * w d * (y b * y d * / (y a + y b + y d))) in *.
  assert (K : 3 * (c * Ty) <= 3 * Tx).
  { apply T; auto; [intros; apply Rmult_lt_0_compat; auto| |rewrite scale; fold my mx; unfold c; field; lra].
    intros k Hk. specialize (B k Hk). rewrite scale. apply (Rmult_le_compat_r mx) in B; [|lra].
    replace ((Σ i < k, w i * x i) / mx * mx) with (Σ i < k, w i * x i) in B by (field; lra).
    replace (c * Σ i < k, w i * y i) with ((Σ i < k, w i * y i) / my * mx) by (unfold c; field; lra). exact B. }
  apply (Rmult_le_reg_r mx); auto. replace (3 * Ty * / my * mx) with (3 * (c * Ty)) by (unfold c; field; lra).
  replace (3 * Tx * / mx * mx) with (3 * Tx) by (field; lra). exact K.
Qed.
End Laws.

(* --- Pareto laws: the Lorenz curve is 1 - (1-u)^(1-1/alpha); its law in n equally likely cells has in cell i the mean of that cell, here as
   a share of the total. (o does not change with the unit of mass.) --- *)
Definition lorenz alpha u := if Rlt_dec u 1 then 1 - Rpower (1 - u) (1 - / alpha) else 1.
Definition cell alpha n i := lorenz alpha (INR (S i) / INR n) - lorenz alpha (INR i / INR n).
Lemma exponent alpha : 1 < alpha -> 0 < 1 - / alpha < 1.
Proof. intros A. assert (/ alpha < 1) by (rewrite <- Rinv_1; apply Rinv_lt_contravar; lra). assert (0 < / alpha) by pos. lra. Qed.
Section Pareto.
Variables (n : nat) (alpha : R).
Hypothesis some : (0 < n)%nat.
Hypothesis above : 1 < alpha.
Let e := 1 - / alpha.
Let t i := 1 - INR i / INR n.
Lemma n_pos : 0 < INR n. Proof. apply (lt_INR 0), some. Qed.
Lemma lorenz_0 : lorenz alpha (INR 0 / INR n) = 0.
Proof. unfold lorenz. simpl INR. unfold Rdiv. rewrite Rmult_0_l. destruct (Rlt_dec 0 1); [|lra]. rewrite Rminus_0_r. unfold Rpower.
rewrite ln_1, Rmult_0_r, exp_0. ring. Qed.
Lemma lorenz_n : lorenz alpha (INR n / INR n) = 1.
Proof. unfold lorenz. pose proof n_pos. replace (INR n / INR n) with 1 by (field; lra). destruct (Rlt_dec 1 1); lra. Qed.
Lemma fraction i : (i < n)%nat -> INR i / INR n < 1.
Proof. intros Hi. pose proof n_pos. apply lt_INR in Hi. apply (Rmult_lt_reg_r (INR n)); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
lra. Qed.
Lemma lorenz_t i : (i < n)%nat -> lorenz alpha (INR i / INR n) = 1 - Rpower (t i) e.
Proof. intros Hi. unfold lorenz. destruct (Rlt_dec (INR i / INR n) 1); auto. pose proof (fraction i Hi). contradiction. Qed.
Lemma t_pos i : (i < n)%nat -> 0 < t i.
Proof. intros Hi. pose proof (fraction i Hi). unfold t. lra. Qed.
Lemma t_step i : t i = t (S i) + / INR n.
Proof. pose proof n_pos. unfold t. rewrite S_INR. field. lra. Qed.
Lemma cell_pos i : (i < n)%nat -> 0 < cell alpha n i.
Proof.
  intros Hi. unfold cell. rewrite (lorenz_t i Hi). pose proof (exponent alpha above) as E. fold e in E.
  destruct (Nat.eq_dec (S i) n) as [->|D]; [rewrite lorenz_n; assert (0 < Rpower (t i) e) by apply exp_pos; lra|].
  rewrite (lorenz_t (S i)) by lia. assert (Rpower (t (S i)) e < Rpower (t i) e); [|lra].
  apply Rlt_Rpower_l; [lra|]. split; [apply t_pos; lia|]. rewrite (t_step i). pose proof n_pos. assert (0 < / INR n) by pos. lra.
Qed.
Lemma cell_rises i : (S i < n)%nat -> cell alpha n i <= cell alpha n (S i).
Proof.
  intros Hi. pose proof (exponent alpha above) as E. fold e in E. pose proof n_pos as N. assert (Hn : 0 < / INR n) by pos.
  pose proof (t_pos (S i) Hi) as T1. set (u := t (S i)) in *. assert (P : 0 < Rpower u e) by apply exp_pos.
  assert (R : forall v, 0 < v -> Rpower v e <= Rpower u e * (1 + e * (v / u - 1))).
  { intros v V. replace (Rpower v e) with (Rpower u e * Rpower (v / u) e).
    - apply Rmult_le_compat_l; [lra|]. apply bernoulli; auto. pos.
    - rewrite Rpower_mult_distr by (auto; pos). f_equal. field. lra. }
  unfold cell. rewrite (lorenz_t i), (lorenz_t (S i)) by lia. fold u. pose proof (t_step i) as S0. fold u in S0.
  pose proof (R (t i) (t_pos i ltac:(lia))) as R0. destruct (Nat.eq_dec (S (S i)) n) as [D|D].
  - rewrite D, lorenz_n. assert (V : INR n = INR (S i) + 1) by (rewrite <- D; apply S_INR).
    assert (U : u = / INR n) by (unfold u, t; replace (INR (S i)) with (INR n - 1) by lra; field; lra).
    replace (t i / u) with 2 in R0 by (rewrite S0, U; field; lra). nra.
  - rewrite (lorenz_t (S (S i))) by lia. pose proof (R (t (S (S i))) (t_pos (S (S i)) ltac:(lia))) as R2.
    pose proof (t_step (S i)) as S1. fold u in S1.
    assert (X : t i / u - 1 = / INR n / u) by (rewrite S0; field; lra).
    assert (Y : t (S (S i)) / u - 1 = - (/ INR n / u)) by (replace (t (S (S i))) with (u - / INR n) by lra; field; lra).
    rewrite X in R0. rewrite Y in R2. lra.
Qed.
Lemma cells k : (Σ i < k, / INR n * cell alpha n i) = / INR n * lorenz alpha (INR k / INR n).
Proof.
  rewrite Sum_scal. f_equal. induction k as [|k IH]; [rewrite lorenz_0; reflexivity|]. cbn [Sum]. rewrite IH. unfold cell. ring.
Qed.
End Pareto.
(* heavier tails (a smaller exponent), more elastic: for every number of cells and every pair of exponents *)
Theorem pareto_overlap_monotone n alpha beta : (0 < n)%nat -> 1 < alpha < beta ->
  overlap3 n (fun _ => / INR n) (cell alpha n) <= overlap3 n (fun _ => / INR n) (cell beta n).
Proof.
  intros Hn H. pose proof (n_pos n Hn) as N. assert (P : 0 < / INR n) by pos.
  apply (pareto_overlap_monotone_lorenz n (fun _ => / INR n)); auto.
  - intros; lra.
  - intros; apply cell_pos; auto; lra.
  - intros; apply cell_pos; auto; lra.
  - rewrite Sum_const. field. lra.
  - intros; apply cell_rises; auto; lra.
  - intros k Hk. rewrite !cells, !lorenz_n by (auto; lra).
    assert (L : lorenz alpha (INR k / INR n) <= lorenz beta (INR k / INR n)).
    { unfold lorenz. destruct (Rlt_dec (INR k / INR n) 1) as [K|K]; [|lra]. apply Rplus_le_compat_l, Ropp_le_contravar.
      assert (0 <= INR k / INR n) by (apply Rdiv_pos; auto; apply pos_INR).
      assert (ln (1 - INR k / INR n) <= 0) by (rewrite <- ln_1; apply ln_le; lra).
      assert (/ beta < / alpha) by (apply Rinv_lt_contravar; [apply Rmult_lt_0_compat|]; lra).
      unfold Rpower. assert ((1 - / beta) * ln (1 - INR k / INR n) <= (1 - / alpha) * ln (1 - INR k / INR n)) as [S|S] by nra; [left;
        apply exp_increasing, S|rewrite S; lra]. }
    replace (/ INR n * lorenz alpha (INR k / INR n) / (/ INR n * 1)) with (lorenz alpha (INR k / INR n)) by (field; lra).
    replace (/ INR n * lorenz beta (INR k / INR n) / (/ INR n * 1)) with (lorenz beta (INR k / INR n)) by (field; lra). exact L.
Qed.
